#include "core/jcd/node_cache.h"

namespace recrypt {

std::shared_ptr<const Node> NodeCache::Find(int level, uint64_t number) {
  std::lock_guard lock(mutex_);
  const auto found = by_id_.find(Id(level, number));
  if (found == by_id_.end()) return nullptr;
  latest_.splice(latest_.begin(), latest_, found->second);
  return found->second->node;
}

void NodeCache::Put(int level, uint64_t number, std::shared_ptr<const Node> node) {
  const uint64_t id = Id(level, number);
  std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) {
    found->second->node = std::move(node);
    latest_.splice(latest_.begin(), latest_, found->second);
    return;
  }
  if (by_id_.size() >= capacity_) {
    by_id_.erase(latest_.back().id);
    latest_.pop_back();
  }
  latest_.push_front({id, std::move(node)});
  by_id_[id] = latest_.begin();
}

void NodeCache::Erase(int level, uint64_t number) {
  std::lock_guard lock(mutex_);
  const auto found = by_id_.find(Id(level, number));
  if (found == by_id_.end()) return;
  latest_.erase(found->second);
  by_id_.erase(found);
}

void NodeCache::Clear() {
  std::lock_guard lock(mutex_);
  latest_.clear();
  by_id_.clear();
}

}  // namespace recrypt
