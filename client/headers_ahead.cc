#include "client/headers_ahead.h"

#include <algorithm>

#include "core/crypto/symmetric.h"

namespace recrypt {
namespace {

bool Same(const HeaderSpec& one, const HeaderSpec& other) {
  return one.expression == other.expression && one.label_keys == other.label_keys &&
         one.services == other.services && one.bound == other.bound;
}

Result<HeaderAhead> Make(const HeaderSpec& spec) {
  RECRYPT_ASSIGN(PreparedHeader header, PrepareHeader(spec, RandomArray<16>()));
  return HeaderAhead{std::move(header), Secret::Random(kAeadKeySize)};
}

}  // namespace

HeadersAhead::Pool* HeadersAhead::FindLocked(const HeaderSpec& spec) {
  const auto found = std::find_if(pools_.begin(), pools_.end(),
                                  [&](const Pool& pool) { return Same(pool.spec, spec); });
  if (found == pools_.end()) return nullptr;
  pools_.splice(pools_.begin(), pools_, found);
  return &pools_.front();
}

Result<HeaderAhead> HeadersAhead::Take(const HeaderSpec& spec) {
  {
    const std::lock_guard lock(mutex_);
    Pool* pool = FindLocked(spec);
    if (pool == nullptr) {
      pools_.push_front(Pool{spec, {}, 0, false});
      if (pools_.size() > kMaxSpecs) pools_.pop_back();
      pool = &pools_.front();
    }
    if (!pool->ready.empty()) {
      HeaderAhead made = std::move(pool->ready.front());
      pool->ready.pop_front();
      FillLocked(*pool);
      return made;
    }
    pool->wanted = std::clamp<size_t>(2 * pool->wanted, 1, kMaxReady);
    FillLocked(*pool);
  }
  return Make(spec);
}

void HeadersAhead::FillLocked(Pool& pool) {
  if (pool.filling || 2 * pool.ready.size() > pool.wanted) return;
  pool.filling =
      thread_.Post([this, spec = pool.spec, generation = generation_] { Fill(spec, generation); });
}

void HeadersAhead::Fill(const HeaderSpec& spec, uint64_t generation) {
  for (;;) {
    auto made = Make(spec);
    const std::lock_guard lock(mutex_);
    Pool* pool = generation == generation_ ? FindLocked(spec) : nullptr;
    if (pool == nullptr) return;  // wiped, or pushed out by other labels
    if (made) pool->ready.push_back(std::move(*made));
    if (made && pool->ready.size() < pool->wanted) continue;
    pool->filling = false;
    return;
  }
}

void HeadersAhead::Wipe() {
  const std::lock_guard lock(mutex_);
  pools_.clear();
  ++generation_;
}

size_t HeadersAhead::Ready(const HeaderSpec& spec) const {
  const std::lock_guard lock(mutex_);
  for (const Pool& pool : pools_) {
    if (Same(pool.spec, spec)) return pool.ready.size();
  }
  return 0;
}

}  // namespace recrypt
