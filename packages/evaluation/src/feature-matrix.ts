// Features of many images as one flat array: what extraction hands to the evaluators. Legend: N rows, D width.

/** N feature vectors of width D, row after row. */
export interface FeatureMatrix {
  readonly count: number;
  readonly width: number;
  /** [N, D], row-major */
  readonly values: Float32Array;
}

/** Features with the class of each row. */
export interface LabelledFeatures {
  readonly features: FeatureMatrix;
  /** [N], classes 0..C-1 */
  readonly labels: Int32Array;
}

/** An empty matrix to be filled. */
export function createFeatureMatrix(count: number, width: number): FeatureMatrix {
  return { count, width, values: new Float32Array(count * width) };
}

/** Rows [start, end) without a copy. */
export function rowRange({ width, values }: FeatureMatrix, start: number, end: number): FeatureMatrix {
  return { count: end - start, width, values: values.subarray(start * width, end * width) };
}

/** The rows at `indices`, in that order. */
export function selectRows({ width, values }: FeatureMatrix, indices: ArrayLike<number>): FeatureMatrix {
  const selected = createFeatureMatrix(indices.length, width);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    selected.values.set(values.subarray(row * width, (row + 1) * width), i * width);
  }
  return selected;
}

/** The rows at `indices` with their classes. */
export function selectLabelled({ features, labels }: LabelledFeatures, indices: ArrayLike<number>): LabelledFeatures {
  return {
    features: selectRows(features, indices),
    labels: Int32Array.from({ length: indices.length }, (_, i) => labels[indices[i]!]!),
  };
}

/** The rows of one after those of the other. */
export function joinLabelled(a: LabelledFeatures, b: LabelledFeatures): LabelledFeatures {
  const [count, { width }] = [a.features.count + b.features.count, a.features];
  const features = createFeatureMatrix(count, width);
  features.values.set(a.features.values);
  features.values.set(b.features.values, a.features.values.length);
  return { features, labels: Int32Array.from([...a.labels, ...b.labels]) };
}

/** x / max(‖x‖₂, epsilon) for each row; as PyTorch's `F.normalize`, with the sum in double precision. */
export function normalizeRows({ count, width, values }: FeatureMatrix, epsilon = 1e-12): FeatureMatrix {
  const normalized = createFeatureMatrix(count, width);
  for (let start = 0; start < values.length; start += width) {
    let squares = 0;
    for (let i = start; i < start + width; i++) squares += values[i]! * values[i]!;
    const norm = Math.max(Math.sqrt(squares), epsilon);
    for (let i = start; i < start + width; i++) normalized.values[i] = values[i]! / norm;
  }
  return normalized;
}
