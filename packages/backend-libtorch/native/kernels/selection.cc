// Choosing between tensors, adding up many, and changing a dtype.
#include "../registry.h"
#include "../whole-numbers.h"

/** A condition of rank 1 chooses whole rows. */
KERNEL(Select) {
  const auto t = call.input(1);
  const auto e = call.input(2);
  auto condition = call.input(0).to(at::kBool);
  if (condition.dim() == 1 && t.dim() > 1) {
    std::vector<std::int64_t> sizes(t.dim(), 1);
    sizes[0] = condition.size(0);
    condition = condition.view(sizes);
  }
  const auto type = at::promote_types(t.scalar_type(), e.scalar_type());
  call.output(at::where(condition, t.to(type), e.to(type)));
}

KERNEL(AddN) {
  auto sum = call.input(0);
  for (std::size_t i = 1; i < call.inputs(); i++) sum = i == 1 ? at::add(sum, call.input(i)) : sum.add_(call.input(i));
  call.output(sum);
}

KERNEL(Cast) {
  const auto type = call.dtype();
  const auto x = call.input(0);
  call.output(type == at::kInt && x.is_floating_point() ? wholeOf(x) : x.to(type));
}
