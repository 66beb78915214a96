// The nearest rows of a bank to each query by dot product, without the similarities in memory: a block of them is looked at in the
// nearest caches, and what may be among the best is taken out.
//
// On processors that multiply pairs of bfloat16 the blocks are of rounded numbers, twice as fast, and only say who may be among
// the best: by the inequality of Cauchy and Schwarz the true product is no further away than `margin`. Who may be is computed
// again in float32, so that results are those of float32 everywhere. Legend: Q queries, N bank rows, D width.
#include <limits>

#include "../registry.h"
#include "../scratch.h"
#include "../tile-packing.h"

namespace {

/** Bank rows and queries of a block of similarities. */
constexpr std::int64_t kStripRows = kTileVectors * kLanes;
constexpr std::int64_t kQueryRows = 8 * kTileRows;

#ifdef HAS_PAIR_PRODUCTS
using Number = c10::BFloat16;
constexpr double kRounding = 1.0 / 512;
#else
using Number = float;
constexpr double kRounding = 0;
#endif
using Word = WordOf<Number>;

struct Neighbour {
  float similarity;
  std::int32_t index;
};
bool before(const Neighbour& a, const Neighbour& b) {
  return a.similarity > b.similarity || (a.similarity == b.similarity && a.index < b.index);
}

/** The k best of one query so far that are above its floor: a heap, the worst on top. */
class Best {
 public:
  /** @param heap room for k + 1 of them */
  Best(Neighbour* heap, std::int64_t k, float floor) : heap_(heap), k_(k), floor_(floor) {}

  /** What a similarity must be above. Rows come in rising order, so that of equal ones the first stays. */
  float threshold() const { return size_ < k_ ? floor_ : heap_->similarity; }

  void offer(float similarity, std::int32_t index) {
    if (!(similarity > threshold())) return;
    heap_[size_++] = {similarity, index};
    std::push_heap(heap_, heap_ + size_, before);
    if (size_ > k_) std::pop_heap(heap_, heap_ + size_--, before);
  }

  void write(float* similarities, std::int32_t* indices) {
    std::sort(heap_, heap_ + size_, before);
    for (std::int64_t i = 0; i < k_; i++) {
      similarities[i] = i < size_ ? heap_[i].similarity : -std::numeric_limits<float>::infinity();
      indices[i] = i < size_ ? heap_[i].index : -1;
    }
  }

 private:
  Neighbour* heap_;
  std::int64_t size_ = 0;
  std::int64_t k_;
  float floor_;
};

float dot(const float* a, const float* b, std::int64_t width) {
  return static_cast<float>(sumOf(width, [=](std::int64_t i) { return a[i] * b[i]; }));
}
double norm(const float* x, std::int64_t width) { return std::sqrt(sumOf(width, [=](std::int64_t i) { return x[i] * x[i]; })); }

/** A bank in strips as B of tile products: [strips, words, kStripRows]. */
class PackedBank {
 public:
  PackedBank(const float* rows, std::int64_t count, std::int64_t width)
      : rows(rows), count(count), width(width), words_(wordsOf<Word>(width)), strips_(chunksOf(count, kStripRows) * words_ * kStripRows) {
    std::vector<float> norms(static_cast<std::size_t>(chunksOf(count, kStripRows)));
    at::parallel_for(0, chunksOf(count, kStripRows), 1, [&](std::int64_t first, std::int64_t last) {
      const Scratch<Word> packed(std::min(kStripRows, count) * paddedWords<Word>(width));
      for (std::int64_t strip = first; strip < last; strip++) {
        const std::int64_t some = rowsOf(strip);
        packNumbers(at(strip), some, width, packed.data());
        transposeWords(packed.data(), some, words_, strips_.data() + strip * words_ * kStripRows, kStripRows);
        for (std::int64_t i = 0; i < some; i++) norms[static_cast<std::size_t>(strip)] = std::max(norms[static_cast<std::size_t>(strip)], static_cast<float>(norm(at(strip) + i * width, width)));
      }
    });
    largestNorm = *std::max_element(norms.begin(), norms.end());
  }

  /** Rows as words along the width, a row every paddedWords. */
  static void packNumbers(const float* from, std::int64_t count, std::int64_t width, Word* to) {
    const Scratch<Number> rounded(width);
    for (std::int64_t row = 0; row < count; row++, to += paddedWords<Word>(width)) {
      for (std::int64_t i = 0; i < width; i++) store(rounded.data() + i, from[row * width + i]);
      packRows<Word, Number>({rounded.data(), width, 1, width}, to);
    }
  }

  std::int64_t strips() const { return chunksOf(count, kStripRows); }
  std::int64_t rowsOf(std::int64_t strip) const { return std::min(kStripRows, count - strip * kStripRows); }
  const float* at(std::int64_t strip) const { return rows + strip * kStripRows * width; }

  /** c [queries, kStripRows] = similarities of packed queries to a strip. */
  void multiplyBy(const Word* queries, std::int64_t count, std::int64_t strip, float* c) const {
    multiply<Order::rows>(count, kStripRows, Product<Word>{words_, queries, paddedWords<Word>(width), strips_.data() + strip * words_ * kStripRows, kStripRows, c, kStripRows, false});
  }

  const float* rows;
  std::int64_t count;
  std::int64_t width;
  float largestNorm;

 private:
  std::int64_t words_;
  Scratch<Word> strips_;
};

/** How far a block's similarity may be from that in float32: both sides' rounding, and that of sums of D terms. */
float marginOf(const float* query, const PackedBank& bank) {
  const double relative = 2 * kRounding + kRounding * kRounding + static_cast<double>(bank.width) / (1 << 22);
  return static_cast<float>(norm(query, bank.width) * static_cast<double>(bank.largestNorm) * relative);
}

/** Offers those of a row of a block that are above the threshold or near it. */
void offerRow(const float* similarities, const float* query, float margin, const PackedBank& bank, std::int64_t strip, Best& best) {
  const std::int64_t rows = bank.rowsOf(strip);
  const float least = best.threshold() - margin;
  int any = 0;
  for (std::int64_t i = 0; i < kStripRows; i++) any |= similarities[i] > least;
  if (any == 0) return;
  for (std::int64_t i = 0; i < rows; i++) {
    if (!(similarities[i] > best.threshold() - margin)) continue;
    best.offer(dot(query, bank.at(strip) + i * bank.width, bank.width), static_cast<std::int32_t>(strip * kStripRows + i));
  }
}

/** All of the bank for some queries, whose results are written. */
void search(const float* queries, std::int64_t count, const float* floors, std::int64_t k, const PackedBank& bank, float* similarities, std::int32_t* indices) {
  const Scratch<Word> packed(count * paddedWords<Word>(bank.width));
  PackedBank::packNumbers(queries, count, bank.width, packed.data());
  const Scratch<Neighbour> heaps(count * (k + 1));
  std::vector<Best> best;
  std::vector<float> margins;
  for (std::int64_t i = 0; i < count; i++) {
    best.emplace_back(heaps.data() + i * (k + 1), k, floors[i]);
    margins.push_back(marginOf(queries + i * bank.width, bank));
  }
  alignas(64) float block[kQueryRows * kStripRows];
  for (std::int64_t strip = 0; strip < bank.strips(); strip++) {
    bank.multiplyBy(packed.data(), count, strip, block);
    for (std::int64_t i = 0; i < count; i++) {
      const auto query = static_cast<std::size_t>(i);
      offerRow(block + i * kStripRows, queries + i * bank.width, margins[query], bank, strip, best[query]);
    }
  }
  for (std::int64_t i = 0; i < count; i++) best[static_cast<std::size_t>(i)].write(similarities + i * k, indices + i * k);
}

void nearestByBlocks(Call& call, const at::Tensor& queries, const at::Tensor& rows, const at::Tensor& floors, std::int64_t k) {
  const std::int64_t count = queries.size(0);
  const PackedBank bank(rows.data_ptr<float>(), rows.size(0), rows.size(1));
  const auto similarities = at::empty({count, k}, queries.options());
  const auto indices = at::empty({count, k}, queries.options().dtype(at::kInt));
  const float* const from = queries.data_ptr<float>();
  const float* const least = floors.data_ptr<float>();
  float* const to = similarities.data_ptr<float>();
  auto* const places = indices.data_ptr<std::int32_t>();
  at::parallel_for(0, chunksOf(count, kQueryRows), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; part++) {
      const std::int64_t start = part * kQueryRows;
      search(from + start * bank.width, std::min(kQueryRows, count - start), least + start, k, bank, to + start * k, places + start * k);
    }
  });
  call.output(similarities);
  call.output(indices);
}

}  // namespace

// An attribute: k, at most N.
KERNEL(NearestRows) {
  call.expect({"Q D", "N D", "Q"});
  const auto queries = call.input(0);
  const auto bank = call.input(1);
  const auto floors = call.input(2);
  const std::int64_t k = call.integer();
  if (k < 1 || k > bank.size(0)) throw std::invalid_argument("k is not among 1 to the number of bank rows");
  if (onProcessor(queries)) return nearestByBlocks(call, queries, bank, floors, k);
  const auto [similarities, indices] = at::topk(at::matmul(queries, bank.t()), k, 1, true, true);
  const auto refused = at::logical_not(at::gt(similarities, floors.view({-1, 1})));
  call.output(similarities.masked_fill(refused, -std::numeric_limits<double>::infinity()));
  call.output(indices.masked_fill(refused, -1).to(at::kInt));
}
