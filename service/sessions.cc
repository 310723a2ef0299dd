#include "service/sessions.h"

#include <algorithm>

namespace recrypt {

Status MemorySessions::Add(std::shared_ptr<const Session> session, int64_t) {
  const std::string key(AsText(session->id));
  const std::lock_guard lock(mutex_);
  // All live equally long, so the oldest is the first to expire too.
  while (!ids_.empty() && (sessions_.size() >= max_sessions_ || ids_.size() >= 2 * max_sessions_)) {
    Remove(std::string(ids_.front()));
    ids_.pop_front();
  }
  std::deque<std::string>& of_device = ids_by_device_[session->device];
  if (of_device.size() >= max_for_device_) {
    sessions_.erase(of_device.front());
    of_device.pop_front();
  }
  of_device.push_back(key);
  ids_.push_back(key);
  sessions_[key] = {std::move(session), {}};
  return {};
}

Result<std::shared_ptr<const Session>> MemorySessions::Find(const Bytes& id, int64_t now) {
  const std::string key(AsText(id));
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return nullptr;
  if (found->second.session->expires > now) return found->second.session;
  Remove(key);
  return nullptr;
}

Result<Taken> MemorySessions::Take(const Session& session, uint64_t sequence, int64_t now) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(std::string(AsText(session.id)));
  if (found == sessions_.end() || session.expires <= now) return Taken::kEnded;
  return found->second.window.Take(sequence) ? Taken::kFirst : Taken::kAgain;
}

Status MemorySessions::EndDevice(const std::string& device) {
  const std::lock_guard lock(mutex_);
  const auto found = ids_by_device_.find(device);
  if (found == ids_by_device_.end()) return {};
  for (const std::string& id : found->second) sessions_.erase(id);
  ids_by_device_.erase(found);
  return {};
}

Result<size_t> MemorySessions::Count() {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

void MemorySessions::End(const Bytes& id) {
  const std::lock_guard lock(mutex_);
  Remove(std::string(AsText(id)));
}

void MemorySessions::Remove(const std::string& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const auto of_device = ids_by_device_.find(found->second.session->device);
  if (of_device != ids_by_device_.end()) {
    std::erase(of_device->second, id);
    if (of_device->second.empty()) ids_by_device_.erase(of_device);
  }
  sessions_.erase(found);
}

}  // namespace recrypt
