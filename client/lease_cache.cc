#include "client/lease_cache.h"

#include <algorithm>
#include <chrono>

namespace recrypt {
namespace {

// Some 20 MB; the one whose lease ends first makes room.
constexpr size_t kMaxDocuments = 65536;
// How late a sweep may be: also bounds what a stepped test clock waits for.
constexpr int64_t kMaxSweepMillis = 1000;
constexpr int64_t kMinSweepMillis = 5;

}  // namespace

LeaseCache::LeaseCache(const Clock& clock) : clock_(clock), sweeper_([this] { SweepLoop(); }) {}

LeaseCache::~LeaseCache() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  sweeper_.join();
}

std::shared_ptr<const LeasedDocument> LeaseCache::Find(const std::string& key) {
  const std::lock_guard guard(mutex_);
  const auto found = documents_.find(key);
  if (found == documents_.end()) return nullptr;
  if (found->second->lease_end_ms > clock_.MonotonicMillis()) return found->second;
  EraseLocked(key);
  return nullptr;
}

uint64_t LeaseCache::Generation() const {
  const std::lock_guard guard(mutex_);
  return generation_;
}

void LeaseCache::Insert(const std::string& key, std::shared_ptr<const LeasedDocument> document,
                        uint64_t generation) {
  const std::lock_guard guard(mutex_);
  if (generation != generation_) return;
  const auto before = documents_.find(key);
  if (before != documents_.end()) {
    if (before->second->lease_end_ms >= document->lease_end_ms) return;
    EraseLocked(key);
  }
  const auto place = by_end_.emplace(document->lease_end_ms, key).first;
  // The sweeper sleeps until the first end, or for ever when there was none.
  if (place == by_end_.begin()) changed_.notify_all();
  documents_.emplace(key, std::move(document));
  if (documents_.size() > kMaxDocuments) {
    const std::string first = by_end_.begin()->second;
    EraseLocked(first);
  }
}

LeaseCache::LabelLease LeaseCache::FindLabelLease(const LabelName& label) {
  const std::lock_guard guard(mutex_);
  const auto found = label_leases_.find(label);
  if (found == label_leases_.end() || found->second.end_ms <= clock_.MonotonicMillis()) return {};
  return found->second;
}

void LeaseCache::ExtendLabelLease(const LabelName& label, const LabelLease& lease,
                                  uint64_t generation) {
  const std::lock_guard guard(mutex_);
  if (generation != generation_) return;
  LabelLease& held = label_leases_[label];
  if (held.end_ms < lease.end_ms) held = lease;
}

void LeaseCache::Wipe() {
  const std::lock_guard guard(mutex_);
  ++generation_;
  documents_.clear();
  by_end_.clear();
  label_leases_.clear();
}

void LeaseCache::Show(AccessFigures& figures) const {
  const std::lock_guard guard(mutex_);
  const int64_t now_ms = clock_.MonotonicMillis();
  for (const auto& [label, lease] : label_leases_) {
    if (lease.end_ms > now_ms) figures.leases.push_back({label, lease.end_ms});
  }
  figures.documents = documents_.size();
}

void LeaseCache::EraseLocked(const std::string& key) {
  const auto found = documents_.find(key);
  if (found == documents_.end()) return;
  by_end_.erase({found->second->lease_end_ms, key});
  documents_.erase(found);
}

void LeaseCache::SweepLocked(int64_t now_ms) {
  while (!by_end_.empty() && by_end_.begin()->first <= now_ms) {
    const std::string key = by_end_.begin()->second;
    EraseLocked(key);
  }
}

void LeaseCache::SweepLoop() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const int64_t now_ms = clock_.MonotonicMillis();
    SweepLocked(now_ms);
    if (by_end_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const int64_t wait = by_end_.begin()->first - now_ms;
    changed_.wait_for(
        lock, std::chrono::milliseconds(std::clamp(wait, kMinSweepMillis, kMaxSweepMillis)));
  }
}

}  // namespace recrypt
