// Products of matrices as TF.js has them: with transposed operands, in batches that broadcast, with a bias and an activation.
#include "../activation.h"
#include "../product.h"
#include "../registry.h"
#include "../whole-numbers.h"

namespace {

/** [whether a is transposed, whether b is] come first. A transposed operand is a view. */
at::Tensor productOfCall(Call& call) {
  const bool transposeA = call.flag();
  const bool transposeB = call.flag();
  const auto a = transposeA ? call.stored(0).transpose(-2, -1) : call.stored(0);
  const auto b = transposeB ? call.stored(1).transpose(-2, -1) : call.stored(1);
  if (isWhole(a) && isWhole(b)) return wholeOf(at::matmul(a.to(at::kDouble), b.to(at::kDouble)));
  return product(a, b);
}

}  // namespace

KERNEL(BatchMatMul) { call.output(productOfCall(call)); }

/** Inputs a, b, bias or none, weights of prelu or none. */
KERNEL(_FusedMatMul) {
  auto y = productOfCall(call);
  if (call.has(2)) y = at::add(y, call.input(2));
  call.output(activated(std::move(y), call, 3));
}

/** The equation comes as the codes of its characters. */
KERNEL(Einsum) {
  const auto codes = call.integers();
  std::vector<at::Tensor> operands;
  for (std::size_t i = 0; i < call.inputs(); i++) operands.push_back(call.input(i));
  call.output(at::einsum(std::string(codes.begin(), codes.end()), operands));
}
