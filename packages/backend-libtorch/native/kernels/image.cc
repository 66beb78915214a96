// Resizing images [N, H, W, C], one axis after the other: [size, corners aligned, half pixel centers].
#include <cmath>

#include "../indices.h"
#include "../registry.h"

namespace {

at::Tensor imagesOf(Call& call, std::size_t input) {
  const auto images = call.input(input);
  if (images.dim() != 4) throw std::invalid_argument("images [N, H, W, C] were expected");
  return images;
}

/** Where each row of the result lies among `count` rows: [the result's rows]. */
std::vector<double> placesAlong(std::int64_t count, std::int64_t size, bool alignCorners, double halfPixel) {
  const bool aligned = alignCorners && size > 1;
  const double ratio = static_cast<double>(aligned ? count - 1 : count) / static_cast<double>(aligned ? size - 1 : size);
  std::vector<double> places(size);
  for (std::int64_t i = 0; i < size; i++) places[i] = ratio * (static_cast<double>(i) + halfPixel);
  return places;
}

/** Between which two rows each row of the result lies, and how near to the second. */
struct Between {
  std::vector<std::int64_t> low;
  std::vector<std::int64_t> high;
  std::vector<float> fraction;

  Between(std::int64_t count, std::int64_t size, bool alignCorners, bool halfPixelCenters) {
    for (const double raw : placesAlong(count, size, alignCorners, halfPixelCenters ? 0.5 : 0)) {
      const double place = std::max(halfPixelCenters ? raw - 0.5 : raw, 0.0);
      low.push_back(std::min(static_cast<std::int64_t>(place), count - 1));
      high.push_back(std::min(static_cast<std::int64_t>(std::ceil(place)), count - 1));
      fraction.push_back(static_cast<float>(place - std::floor(place)));
    }
  }

  at::Tensor weights(const at::Tensor& beside, std::int64_t axis) const {
    std::vector<std::int64_t> sizes(beside.dim(), 1);
    sizes[axis] = static_cast<std::int64_t>(fraction.size());
    return at::tensor(at::ArrayRef<float>(fraction)).to(beside.device()).view(sizes);
  }
};

at::Tensor blend(const at::Tensor& x, std::int64_t axis, const Between& between) {
  const auto low = at::index_select(x, axis, indexTensor(between.low, x));
  const auto high = at::index_select(x, axis, indexTensor(between.high, x));
  return at::add(low, at::sub(high, low).mul_(between.weights(x, axis)));
}

at::Tensor blendGradient(const at::Tensor& dy, std::int64_t axis, std::int64_t count, const Between& between) {
  auto sizes = dy.sizes().vec();
  sizes[axis] = count;
  const auto toHigh = at::mul(dy, between.weights(dy, axis));
  const auto dx = at::zeros(sizes, dy.options());
  dx.index_add_(axis, indexTensor(between.low, dy), at::sub(dy, toHigh));
  return dx.index_add_(axis, indexTensor(between.high, dy), toHigh);
}

std::vector<std::int64_t> nearest(std::int64_t count, std::int64_t size, bool alignCorners, bool halfPixelCenters) {
  std::vector<std::int64_t> rows;
  for (const double place : placesAlong(count, size, alignCorners, halfPixelCenters ? 0.5 : 0)) {
    const double row = std::floor(alignCorners ? place + 0.5 : place);
    rows.push_back(std::min(static_cast<std::int64_t>(row), count - 1));
  }
  return rows;
}

}  // namespace

KERNEL(ResizeBilinear) {
  const auto size = call.integers(2);
  const bool alignCorners = call.flag();
  const bool halfPixelCenters = call.flag();
  auto x = imagesOf(call, 0).to(at::kFloat);
  for (const std::int64_t axis : {1, 2}) x = blend(x, axis, Between(x.size(axis), size[axis - 1], alignCorners, halfPixelCenters));
  call.output(x);
}

/** Inputs images, dy. */
KERNEL(ResizeBilinearGrad) {
  const bool alignCorners = call.flag();
  const bool halfPixelCenters = call.flag();
  const auto images = imagesOf(call, 0);
  auto dx = imagesOf(call, 1).to(at::kFloat);
  for (const std::int64_t axis : {2, 1}) {
    const Between between(images.size(axis), dx.size(axis), alignCorners, halfPixelCenters);
    dx = blendGradient(dx, axis, images.size(axis), between);
  }
  call.output(dx);
}

KERNEL(ResizeNearestNeighbor) {
  const auto size = call.integers(2);
  const bool alignCorners = call.flag();
  const bool halfPixelCenters = call.flag();
  auto x = imagesOf(call, 0);
  for (const std::int64_t axis : {1, 2}) {
    x = at::index_select(x, axis, indexTensor(nearest(x.size(axis), size[axis - 1], alignCorners, halfPixelCenters), x));
  }
  call.output(x);
}

/** Inputs images, dy. */
KERNEL(ResizeNearestNeighborGrad) {
  const bool alignCorners = call.flag();
  const bool halfPixelCenters = call.flag();
  const auto images = imagesOf(call, 0);
  auto dx = imagesOf(call, 1);
  for (const std::int64_t axis : {2, 1}) {
    auto sizes = dx.sizes().vec();
    const auto rows = nearest(images.size(axis), sizes[axis], alignCorners, halfPixelCenters);
    sizes[axis] = images.size(axis);
    dx = at::zeros(sizes, dx.options()).index_add_(axis, indexTensor(rows, dx), dx);
  }
  call.output(dx);
}

namespace {

/** Places of `size` rows of boxes that reach from `first` to `last`, as a share of the image: [boxes, size]. */
at::Tensor placesInBoxes(const at::Tensor& first, const at::Tensor& last, std::int64_t count, std::int64_t size) {
  const auto end = static_cast<double>(count - 1);
  if (size == 1) return at::add(first, last).mul_(0.5 * end).unsqueeze(1);
  const auto steps = at::arange(size, first.options()).unsqueeze(0);
  const auto step = at::sub(last, first).mul_(end / static_cast<double>(size - 1)).unsqueeze(1);
  return at::mul(first, end).unsqueeze(1) + steps * step;
}

at::Tensor isInside(const at::Tensor& places, std::int64_t count) { return at::logical_and(at::ge(places, 0), at::le(places, count - 1)); }

}  // namespace

/** Inputs image, boxes [B, 4], the image of each box [B]; [size, bilinear or nearest, value outside]. */
KERNEL(CropAndResize) {
  const auto size = call.integers(2);
  const bool bilinear = call.flag();
  const double outside = call.number();
  const auto image = imagesOf(call, 0).to(at::kFloat);
  const auto boxes = call.input(1).to(at::kDouble);
  const auto of = checkedIndices(call.input(2), image.size(0), image).view({-1, 1, 1});
  const auto y = placesInBoxes(boxes.select(1, 0), boxes.select(1, 2), image.size(1), size[0]);
  const auto x = placesInBoxes(boxes.select(1, 1), boxes.select(1, 3), image.size(2), size[1]);
  const auto pixels = [&](const at::Tensor& rows, const at::Tensor& columns) {
    const auto row = at::clamp(rows, 0, image.size(1) - 1).to(at::kLong).unsqueeze(2);
    const auto column = at::clamp(columns, 0, image.size(2) - 1).to(at::kLong).unsqueeze(1);
    return at::index(image, {of, row, column});
  };
  at::Tensor result;
  if (bilinear) {
    const auto across = at::sub(x, at::floor(x)).to(at::kFloat).unsqueeze(1).unsqueeze(3);
    const auto down = at::sub(y, at::floor(y)).to(at::kFloat).unsqueeze(2).unsqueeze(3);
    const auto row = [&](const at::Tensor& rows) {
      const auto left = pixels(rows, at::floor(x));
      return at::add(left, at::sub(pixels(rows, at::ceil(x)), left).mul_(across));
    };
    const auto top = row(at::floor(y));
    result = at::add(top, at::sub(row(at::ceil(y)), top).mul_(down));
  } else {
    // Half rows go up, as in TF.js.
    result = pixels(at::floor(at::add(y, 0.5)), at::floor(at::add(x, 0.5)));
  }
  const auto inside = at::logical_and(isInside(y, image.size(1)).unsqueeze(2), isInside(x, image.size(2)).unsqueeze(1)).unsqueeze(3);
  call.output(result.masked_fill(at::logical_not(inside), outside));
}
