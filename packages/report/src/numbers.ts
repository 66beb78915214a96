// Numbers for readers.

/** Some significant digits, without needless zeros; powers of ten where a number is very small or large. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const text =
    size < 1e-3 || size >= 1e6
      ? value.toExponential(2).replace(/\.?0+e/, "e")
      : String(Number(value.toPrecision(digits)));
  return text.replace("e+", "e").replaceAll("-", "−");
}

/** A share as percent with one digit: 0.7134 → "71.3". */
export const formatPercent = (share: number): string => (100 * share).toFixed(1).replace("-", "−");
