#include "activation.h"

at::Tensor activated(at::Tensor y, Call& call, std::size_t preluInput) {
  const auto activation = static_cast<Activation>(call.integer());
  const double alpha = call.number();
  switch (activation) {
    case Activation::linear:
      return y;
    case Activation::relu:
      return at::relu(y);
    case Activation::relu6:
      return at::clamp(y, 0, 6);
    case Activation::prelu:
      return at::where(at::lt(y, 0), at::mul(y, call.input(preluInput)), y);
    case Activation::leakyrelu:
      return at::leaky_relu(y, alpha);
    case Activation::elu:
      return at::elu(y);
    case Activation::sigmoid:
      return at::sigmoid(y);
  }
  throw std::invalid_argument("there is no activation number " + std::to_string(static_cast<int>(activation)));
}
