// FreshnessMemory: what a mount has seen of each document, so that the storage cannot put an older
// one back unnoticed (DESIGN 5, invariant 5).
//
// A state is remembered by the document's id and by where it stood: a copy of an older state under
// another name is a copy, in the same place it is a rollback. What the mount itself moves to a
// place is right there. Kept in memory, for as long as the mount lives; at most kMaxStates, and of
// each place those of the last kMaxOfPlace documents (each saving by rename puts another one
// there).
//
//   RECRYPT_ASSIGN(auto noticed, memory.Admit(uid, generation, "a/report.odt.jcd"));
//   memory.Moved(uid, generation, "a/kept.odt.jcd");                    // renamed
//
// Thread safe.
#ifndef RECRYPT_FS_FRESHNESS_H_
#define RECRYPT_FS_FRESHNESS_H_

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/jcd/header.h"

namespace recrypt {

class FreshnessMemory {
 public:
  static constexpr size_t kMaxStates = 100'000;
  static constexpr size_t kMaxOfPlace = 8;

  // What is not wrong by itself, since other mounts rename, but may be of interest.
  enum class Noticed {
    kNothing,
    kStandsInForAnother,  // seen at another place before, where now another document was seen
  };
  // Remembers a state that was read or written. kStale, and remembers nothing, when a newer one has
  // been seen at the same place.
  Result<Noticed> Admit(const DocumentId& uid, uint64_t generation, std::string_view place) {
    std::lock_guard lock(mutex_);
    const Noticed noticed = Arrive(uid, HashOf(place));
    uint64_t& seen = SeenOf(uid, place, generation);
    if (generation < seen) {
      return Fail(ErrorCode::kStale,
                  "the stored document is older (generation " + std::to_string(generation) +
                      ") than one that this mount has seen (generation " + std::to_string(seen) +
                      "): somebody put an old copy back. If it is the one you want, rename it");
    }
    seen = generation;
    return noticed;
  }

  // The mount has put this state there, whatever was there before.
  void Moved(const DocumentId& uid, uint64_t generation, std::string_view place) {
    std::lock_guard lock(mutex_);
    (void)Arrive(uid, HashOf(place));
    SeenOf(uid, place, generation) = generation;
  }

  // True when some document was seen at that place.
  bool Knows(std::string_view place) {
    std::lock_guard lock(mutex_);
    return seen_.contains(HashOf(place));
  }

  // True when any state of that document was seen there.
  bool Knows(const DocumentId& uid, std::string_view place) {
    std::lock_guard lock(mutex_);
    const auto [from, to] = seen_.equal_range(HashOf(place));
    return std::any_of(from, to, [&uid](const auto& each) { return each.second.uid == uid; });
  }

 private:
  struct Seen {
    DocumentId uid;
    uint64_t generation;
  };

  struct IdHash {
    size_t operator()(const DocumentId& uid) const {  // random as it is
      size_t hash;
      std::memcpy(&hash, uid.data(), sizeof hash);
      return hash;
    }
  };

  static size_t HashOf(std::string_view place) { return std::hash<std::string_view>()(place); }

  // Requires mutex_. Before the document is remembered at `place`.
  Noticed Arrive(const DocumentId& uid, size_t place) {
    const auto [found, is_new] = last_place_.try_emplace(uid, place);
    if (is_new && last_place_.size() > kMaxStates) {
      last_place_.erase(last_place_.begin() == found ? std::next(found) : last_place_.begin());
    }
    if (is_new || std::exchange(found->second, place) == place) return Noticed::kNothing;
    const auto [at, end] = seen_.equal_range(place);
    const bool was_here =
        std::any_of(at, end, [&](const auto& seen) { return seen.second.uid == uid; });
    return at == end || was_here ? Noticed::kNothing : Noticed::kStandsInForAnother;
  }

  // Requires mutex_. What was seen of a document at a place, `generation` if nothing was.
  uint64_t& SeenOf(const DocumentId& uid, std::string_view place, uint64_t generation) {
    const size_t key = HashOf(place);
    auto [at, end] = seen_.equal_range(key);
    auto last = at;
    size_t others = 0;
    for (; at != end; ++at, ++others) {
      if (at->second.uid == uid) return at->second.generation;
      last = at;
    }
    if (others >= kMaxOfPlace) seen_.erase(last);  // the oldest, as libstdc++ orders them
    if (seen_.size() >= kMaxStates) seen_.erase(seen_.begin());
    return seen_.emplace(key, Seen{uid, generation})->second.generation;
  }

  std::mutex mutex_;  // guards what follows; innermost
  std::unordered_multimap<size_t, Seen> seen_;
  std::unordered_map<DocumentId, size_t, IdHash> last_place_;
};

}  // namespace recrypt

#endif  // RECRYPT_FS_FRESHNESS_H_
