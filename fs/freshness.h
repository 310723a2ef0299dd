// FreshnessMemory: what a mount has seen of each document, so that the storage cannot put an older
// one back unnoticed (DESIGN 5, invariant 5).
//
// A document is known by its id and by where it stood: a copy of an older state under another name
// is a copy, in its own place it is a rollback. Kept in memory, for as long as the mount lives; at
// most kMaxDocuments. Thread safe.
#ifndef RECRYPT_FS_FRESHNESS_H_
#define RECRYPT_FS_FRESHNESS_H_

#include <cstring>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "core/jcd/header.h"

namespace recrypt {

class FreshnessMemory {
 public:
  static constexpr size_t kMaxDocuments = 500'000;

  // Remembers a state that was read or written. kStale, and remembers nothing, when a newer one has
  // been seen at the same place.
  Status Admit(const DocumentId& uid, uint64_t generation, std::string_view place) {
    const size_t place_hash = std::hash<std::string_view>()(place);
    std::lock_guard lock(mutex_);
    auto found = seen_.find(uid);
    if (found == seen_.end()) {
      if (seen_.size() >= kMaxDocuments) seen_.erase(seen_.begin());
      seen_.emplace(uid, Seen{generation, place_hash});
      return {};
    }
    Seen& seen = found->second;
    if (generation < seen.generation) {
      if (seen.place != place_hash) return {};
      return Fail(ErrorCode::kStale,
                  "the stored document is older (generation " + std::to_string(generation) +
                      ") than one that this mount has seen (generation " +
                      std::to_string(seen.generation) + "): somebody put an old copy back");
    }
    seen = Seen{generation, place_hash};
    return {};
  }

 private:
  struct Seen {
    uint64_t generation;
    size_t place;
  };
  struct Hash {
    size_t operator()(const DocumentId& uid) const {  // random as it is
      size_t hash;
      std::memcpy(&hash, uid.data(), sizeof hash);
      return hash;
    }
  };

  std::mutex mutex_;  // guards seen_; innermost
  std::unordered_map<DocumentId, Seen, Hash> seen_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FRESHNESS_H_
