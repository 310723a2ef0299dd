// RecentByDigest: what was found out about some bytes, kept under their SHA-256 for a while.
//
//   RecentByDigest<std::shared_ptr<const Header>> recent(4096);
//   if (auto known = recent.Find(digest)) return *known;
//   recent.Add(digest, made);
//
// Only for what depends on those bytes alone: it cannot become wrong, and needs no invalidation.
// Holds at most twice `half` values; when so many came, those not asked for since are forgotten.
// Thread safe.
#ifndef RECRYPT_CORE_CRYPTO_RECENT_BY_DIGEST_H_
#define RECRYPT_CORE_CRYPTO_RECENT_BY_DIGEST_H_

#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/crypto/symmetric.h"

namespace recrypt {

template <class Value>
class RecentByDigest {
 public:
  explicit RecentByDigest(size_t half) : half_(half) {}

  std::optional<Value> Find(const Sha256Digest& digest) {
    Map forgotten;  // is destroyed when the lock is released
    std::lock_guard lock(mutex_);
    if (auto found = recent_.find(digest); found != recent_.end()) return found->second;
    auto found = older_.find(digest);
    if (found == older_.end()) return std::nullopt;
    Value value = found->second;
    forgotten = AddLocked(digest, value);
    return value;
  }

  void Add(const Sha256Digest& digest, Value value) {
    Map forgotten;  // is destroyed when the lock is released
    std::lock_guard lock(mutex_);
    forgotten = AddLocked(digest, std::move(value));
  }

 private:
  struct Hash {
    size_t operator()(const Sha256Digest& digest) const {
      size_t start = 0;
      std::memcpy(&start, digest.data(), sizeof(start));
      return start;
    }
  };
  using Map = std::unordered_map<Sha256Digest, Value, Hash>;

  // Returns what is no longer known.
  Map AddLocked(const Sha256Digest& digest, Value value) {
    recent_.insert_or_assign(digest, std::move(value));
    if (recent_.size() < half_) return Map();
    return std::exchange(older_, std::exchange(recent_, Map()));
  }

  const size_t half_;
  std::mutex mutex_;  // guards all below
  Map recent_, older_;
};

}  // namespace recrypt

#endif  // RECRYPT_CORE_CRYPTO_RECENT_BY_DIGEST_H_
