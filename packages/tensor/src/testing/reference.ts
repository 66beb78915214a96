// What each op means, as naive loops in float64: rows of plain arrays, one after the other. Slow on
// purpose; every backend is held to these.

type Numbers = Float64Array;

/** The `index`-th row of `width` numbers. */
const row = (x: Numbers, index: number, width: number) => x.subarray(index * width, (index + 1) * width);

const dot = (a: Numbers, b: Numbers) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

const sum = (x: Numbers) => x.reduce((total, value) => total + value, 0);

/** Applies `compute` to each row of `width` numbers, and puts the results one after the other. */
function mapRows(x: Numbers, width: number, compute: (row: Numbers, index: number) => ArrayLike<number>): Numbers {
  const rows = Array.from({ length: x.length / width }, (_, i) => Array.from(compute(row(x, i, width), i)));
  return Float64Array.from(rows.flat());
}

/** The error function, by its power series where it converges fast and its continued fraction elsewhere. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = z;
    let total = z;
    for (let n = 1; Math.abs(term) > 1e-17 * total; n++) {
      term *= (-z * z) / n;
      total += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * total) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * (z + fraction)));
}

export const gelu = (x: Numbers) => x.map((value) => 0.5 * value * (1 + erf(value / Math.SQRT2)));

export function layerNorm(x: Numbers, weight: Numbers, bias: Numbers, epsilon: number): Numbers {
  return mapRows(x, weight.length, (values) => {
    const mean = sum(values) / values.length;
    const variance = sum(values.map((value) => (value - mean) ** 2)) / values.length;
    return values.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * weight[i]! + bias[i]!);
  });
}

export function linear(x: Numbers, weight: Numbers, bias: Numbers | null, width: number): Numbers {
  const outputs = weight.length / width;
  return mapRows(x, width, (values) =>
    Array.from({ length: outputs }, (_, o) => dot(values, row(weight, o, width)) + (bias?.[o] ?? 0)));
}

export function swiglu(x: Numbers, width: number): Numbers {
  const half = width / 2;
  return mapRows(x, width, (values) =>
    values.subarray(0, half).map((gate, i) => (gate / (1 + Math.exp(-gate))) * values[half + i]!));
}

export function softmax(x: Numbers): Numbers {
  const largest = Math.max(...x);
  const weights = x.map((value) => Math.exp(value - largest));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

/** for each sequence, head and query: Σ_key softmax(q·k / sqrt(d))_key v_key. */
export function blockDiagonalAttention(
  qkv: Numbers,
  segments: readonly { count: number; length: number }[],
  heads: number,
  width: number,
): Numbers {
  const size = width / heads;
  const part = (token: number, which: number, head: number) =>
    qkv.subarray(token * 3 * width + which * width + head * size).subarray(0, size);
  const output = new Float64Array(qkv.length / 3);
  let first = 0;
  for (const length of segments.flatMap((segment) => Array<number>(segment.count).fill(segment.length))) {
    const tokens = Array.from({ length }, (_, i) => first + i);
    for (const query of tokens) {
      for (let head = 0; head < heads; head++) {
        const scores = tokens.map((key) => dot(part(query, 0, head), part(key, 1, head)) / Math.sqrt(size));
        softmax(Float64Array.from(scores)).forEach((probability, i) => {
          part(tokens[i]!, 2, head).forEach((v, j) => (output[query * width + head * size + j]! += probability * v));
        });
      }
    }
    first += length;
  }
  return output;
}

export function layerScaleResidual(x: Numbers, residual: Numbers, gamma: Numbers | null): Numbers {
  return x.map((value, i) => value + residual[i]! * (gamma ? gamma[i % gamma.length]! : 1));
}

export function addResidualSubset(
  x: Numbers,
  residual: Numbers,
  indices: Int32Array,
  gamma: Numbers | null,
  scale: number,
): Numbers {
  const result = Float64Array.from(x);
  const sample = residual.length / indices.length;
  indices.forEach((index, k) => row(residual, k, sample).forEach((value, i) => {
    result[index * sample + i]! += scale * value * (gamma ? gamma[i % gamma.length]! : 1);
  }));
  return result;
}

export function gatherRows(x: Numbers, indices: Int32Array, width: number): Numbers {
  return Float64Array.from([...indices].flatMap((index) => [...row(x, index, width)]));
}

export function l2Normalize(x: Numbers, width: number, epsilon: number): Numbers {
  return mapRows(x, width, (values) => values.map((value) => value / Math.max(Math.sqrt(dot(values, values)), epsilon)));
}

export function weightNorm(v: Numbers, g: Numbers): Numbers {
  return mapRows(v, v.length / g.length, (values, k) =>
    values.map((value) => (g[k]! * value) / Math.sqrt(dot(values, values))));
}

export function prototypeCrossEntropy(student: Numbers, teacher: Numbers, width: number, temperature: number): Numbers {
  return mapRows(student, width, (logits, r) => {
    const probabilities = softmax(logits.map((logit) => logit / temperature));
    return [-dot(row(teacher, r, width), probabilities.map(Math.log))];
  });
}

/** As in the paper: Q [prototypes][samples] = exp(logits / T) over its sum; rows to 1/K, columns to 1/R, `iterations` times. */
export function sinkhornKnopp(logits: Numbers, prototypes: number, temperature: number, iterations: number): Numbers {
  const samples = logits.length / prototypes;
  const largest = Math.max(...logits);
  const q = logits.map((logit) => Math.exp((logit - largest) / temperature)); // [samples, prototypes], Q transposed
  const total = sum(q);
  q.forEach((_, i) => (q[i]! /= total));
  for (let iteration = 0; iteration < iterations; iteration++) {
    for (let k = 0; k < prototypes; k++) {
      const ofPrototype = sum(q.filter((_, i) => i % prototypes === k));
      for (let r = 0; r < samples; r++) q[r * prototypes + k]! /= ofPrototype * prototypes;
    }
    for (let r = 0; r < samples; r++) {
      const ofSample = sum(row(q, r, prototypes));
      row(q, r, prototypes).forEach((_, k, values) => (values[k]! /= ofSample * samples));
    }
  }
  return q.map((value) => value * samples);
}

/** The k largest dot products of each query, -9 where they are not above the floor; then their rows, -1 there. */
export function nearestRows(queries: Numbers, bank: Numbers, width: number, k: number, floor: number): Numbers {
  const [count, rows] = [queries.length / width, bank.length / width];
  const result = new Float64Array(2 * count * k);
  for (let query = 0; query < count; query++) {
    const products = Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += queries[query * width + i]! * bank[row * width + i]!;
      return sum;
    });
    const order = [...products.keys()].sort((a, b) => products[b]! - products[a]!).slice(0, k);
    for (const [place, row] of order.entries()) {
      const above = products[row]! > floor;
      result[query * k + place] = above ? products[row]! : -9;
      result[(count + query) * k + place] = above ? row : -1;
    }
  }
  return result;
}
