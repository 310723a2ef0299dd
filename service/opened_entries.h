// OpenedEntries: service halves that have been opened, so that a grant costs one multiplication.
//
//   if (auto entry = opened.Find(device, key)) AgreeHalf(entry->half, t);
//
// Only a cache: whether an entry still holds is asked of the store with every grant
// (StoreTransaction::UseEntry). Bounded: the least recently used make room. Thread safe.
#ifndef RECRYPT_SERVICE_OPENED_ENTRIES_H_
#define RECRYPT_SERVICE_OPENED_ENTRIES_H_

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/crypto/keys.h"
#include "core/identity/label_policy.h"
#include "core/json/json.h"
#include "core/recryption/quorums.h"

namespace recrypt {

struct OpenedEntry {
  int64_t id = 0;
  std::string label;
  std::string account;
  std::string device;  // that is granted to
  std::string key;
  std::string group_of;  // the profile of the account whose personal group's it is; empty: none's
  uint64_t label_version = 0;
  std::shared_ptr<const LabelPolicy> policy;
  ServiceHalves halves;
  Json member_half;  // JWE
};

class OpenedEntries {
 public:
  explicit OpenedEntries(size_t max_entries = 16'384) : max_entries_(max_entries) {}

  std::shared_ptr<const OpenedEntry> Find(const std::string& device, const std::string& key);
  void Put(std::shared_ptr<const OpenedEntry> entry);
  void Drop(const std::string& device, const std::string& key);

 private:
  using Order = std::list<std::shared_ptr<const OpenedEntry>>;

  const size_t max_entries_;
  std::mutex mutex_;  // guards what follows
  Order order_;       // most recently used first
  std::unordered_map<std::string, Order::iterator> by_name_;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_OPENED_ENTRIES_H_
