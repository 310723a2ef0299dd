#include "service/opened_entries.h"

namespace recrypt {
namespace {

// Neither part can hold a line feed: both are fingerprints.
std::string NameOf(const std::string& device, const std::string& key) {
  return device + '\n' + key;
}

}  // namespace

std::shared_ptr<const OpenedEntry> OpenedEntries::Find(const std::string& device,
                                                       const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(NameOf(device, key));
  if (found == by_name_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return *found->second;
}

void OpenedEntries::Put(std::shared_ptr<const OpenedEntry> entry) {
  const std::string name = NameOf(entry->device, entry->key);
  const std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    *found->second = std::move(entry);
    order_.splice(order_.begin(), order_, found->second);
    return;
  }
  if (order_.size() >= max_entries_) {
    by_name_.erase(NameOf(order_.back()->device, order_.back()->key));
    order_.pop_back();
  }
  order_.push_front(std::move(entry));
  by_name_[name] = order_.begin();
}

void OpenedEntries::Drop(const std::string& device, const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(NameOf(device, key));
  if (found == by_name_.end()) return;
  order_.erase(found->second);
  by_name_.erase(found);
}

}  // namespace recrypt
