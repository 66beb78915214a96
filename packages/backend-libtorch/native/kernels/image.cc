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

/** Where each of `size` rows of the result lies among `count` rows. */
class Places {
 public:
  Places(std::int64_t count, std::int64_t size, bool alignCorners, double halfPixel) : size_(size), halfPixel_(halfPixel) {
    const bool aligned = alignCorners && size > 1;
    ratio_ = static_cast<double>(aligned ? count - 1 : count) / static_cast<double>(aligned ? size - 1 : size);
  }

  /** of(place) for every row, beside `images`. A tensor at once, as a result may have more rows than there is memory for. */
  template <typename Number, typename Of>
  at::Tensor map(const at::Tensor& images, Of of) const {
    const at::Tensor results = at::empty({size_}, c10::CppTypeToScalarType<Number>::value);
    Number* const to = results.data_ptr<Number>();
    for (std::int64_t i = 0; i < size_; i++) to[i] = of(ratio_ * (static_cast<double>(i) + halfPixel_));
    return results.to(images.device());
  }

 private:
  std::int64_t size_;
  double halfPixel_;
  double ratio_;
};

/** Between which two rows each row of the result lies, and how near to the second. */
struct Between {
  at::Tensor low;
  at::Tensor high;
  /** As wide as the images are in the other axes. */
  at::Tensor fraction;

  Between(const at::Tensor& images, std::int64_t axis, std::int64_t count, std::int64_t size, bool alignCorners, bool halfPixelCenters) {
    const Places places(count, size, alignCorners, halfPixelCenters ? 0.5 : 0);
    const auto placed = [=](double raw) { return std::max(halfPixelCenters ? raw - 0.5 : raw, 0.0); };
    const auto row = [=](double place) { return std::min(static_cast<std::int64_t>(place), count - 1); };
    low = places.map<std::int64_t>(images, [=](double raw) { return row(placed(raw)); });
    high = places.map<std::int64_t>(images, [=](double raw) { return row(std::ceil(placed(raw))); });
    std::vector<std::int64_t> sizes(images.dim(), 1);
    sizes[axis] = size;
    fraction = places.map<float>(images, [=](double raw) { return static_cast<float>(placed(raw) - std::floor(placed(raw))); }).view(sizes);
  }
};

at::Tensor blend(const at::Tensor& x, std::int64_t axis, const Between& between) {
  const auto low = at::index_select(x, axis, between.low);
  const auto high = at::index_select(x, axis, between.high);
  return at::add(low, at::sub(high, low).mul_(between.fraction));
}

at::Tensor blendGradient(const at::Tensor& dy, std::int64_t axis, std::int64_t count, const Between& between) {
  auto sizes = dy.sizes().vec();
  sizes[axis] = count;
  const auto toHigh = at::mul(dy, between.fraction);
  const auto dx = at::zeros(sizes, dy.options());
  dx.index_add_(axis, between.low, at::sub(dy, toHigh));
  return dx.index_add_(axis, between.high, toHigh);
}

at::Tensor nearest(const at::Tensor& images, std::int64_t count, std::int64_t size, bool alignCorners, bool halfPixelCenters) {
  const Places places(count, size, alignCorners, halfPixelCenters ? 0.5 : 0);
  return places.map<std::int64_t>(images, [=](double place) {
    const double row = std::floor(alignCorners ? place + 0.5 : place);
    return std::min(static_cast<std::int64_t>(row), count - 1);
  });
}

}  // namespace

KERNEL(ResizeBilinear) {
  const auto size = call.integers(2);
  const bool alignCorners = call.flag();
  const bool halfPixelCenters = call.flag();
  auto x = imagesOf(call, 0).to(at::kFloat);
  for (const std::int64_t axis : {1, 2}) {
    x = blend(x, axis, Between(x, axis, x.size(axis), size[axis - 1], alignCorners, halfPixelCenters));
  }
  call.output(x);
}

/** Inputs images, dy. */
KERNEL(ResizeBilinearGrad) {
  const bool alignCorners = call.flag();
  const bool halfPixelCenters = call.flag();
  const auto images = imagesOf(call, 0);
  auto dx = imagesOf(call, 1).to(at::kFloat);
  for (const std::int64_t axis : {2, 1}) {
    const Between between(dx, axis, images.size(axis), dx.size(axis), alignCorners, halfPixelCenters);
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
    x = at::index_select(x, axis, nearest(x, x.size(axis), size[axis - 1], alignCorners, halfPixelCenters));
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
    const auto rows = nearest(dx, images.size(axis), sizes[axis], alignCorners, halfPixelCenters);
    sizes[axis] = images.size(axis);
    dx = at::zeros(sizes, dx.options()).index_add_(axis, rows, dx);
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
