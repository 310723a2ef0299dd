#include "fs/inode.h"

#include <algorithm>
#include <utility>

#include "fs/open_document.h"
#include "fs/prefetch.h"

namespace recrypt {

Inode::Inode(UniqueFd node, Key key, InodeKind kind)
    : node_(std::make_shared<const UniqueFd>(std::move(node))), key_(key), kind_(kind) {}

Inode::~Inode() = default;

std::shared_ptr<OpenDocument> Inode::document() const {
  std::lock_guard lock(mutex_);
  return document_;
}

void Inode::Remember(Refusal refusal) {
  std::lock_guard lock(mutex_);
  refusal_ = std::move(refusal);
}

std::optional<Refusal> Inode::refusal() const {
  std::lock_guard lock(mutex_);
  return refusal_;
}

std::shared_ptr<Inode> Inode::parent() const {
  std::lock_guard lock(mutex_);
  return parent_.lock();
}

void Inode::SetParent(const std::shared_ptr<Inode>& parent) {
  std::lock_guard lock(mutex_);
  parent_ = parent;
}

Inode::Name Inode::name() const {
  std::lock_guard lock(mutex_);
  return {named_in_.lock(), name_};
}

void Inode::SetName(const std::shared_ptr<Inode>& directory, std::string name) {
  std::lock_guard lock(mutex_);
  named_in_ = directory;
  name_ = std::move(name);
}

bool Inode::WasCreatedIn(const Inode& directory) const {
  std::lock_guard lock(mutex_);
  return created_in_ == directory.key();
}

void Inode::SetCreatedIn(const Inode& directory) {
  std::lock_guard lock(mutex_);
  created_in_ = directory.key();
}

std::shared_ptr<DirectoryPrefetch> Inode::PrefetchState() {
  std::lock_guard lock(mutex_);
  if (prefetch_ == nullptr) prefetch_ = std::make_shared<DirectoryPrefetch>();
  return prefetch_;
}

std::optional<uint64_t> Inode::KnownContentSize(const struct stat& stored) const {
  std::lock_guard lock(mutex_);
  if (!known_size_ || known_size_->stored_length != stored.st_size ||
      known_size_->mtime.tv_sec != stored.st_mtim.tv_sec ||
      known_size_->mtime.tv_nsec != stored.st_mtim.tv_nsec) {
    return std::nullopt;
  }
  return known_size_->size;
}

void Inode::RememberContentSize(const struct stat& stored, uint64_t size) {
  std::lock_guard lock(mutex_);
  known_size_ = KnownSize{stored.st_size, stored.st_mtim, size};
}

InodeTable::InodeTable(std::shared_ptr<Inode> root) : root_(std::move(root)) {
  root_->is_root_ = true;
  inodes_.emplace(root_->key(), root_);
}

std::shared_ptr<Inode> InodeTable::Adopt(UniqueFd node, const struct stat& stat, InodeKind kind) {
  Inode::Key key{stat.st_dev, stat.st_ino, kind == InodeKind::kPlainFile};
  std::lock_guard lock(mutex_);
  auto found = inodes_.find(key);
  if (found == inodes_.end()) {
    found = inodes_.emplace(key, std::make_shared<Inode>(std::move(node), key, kind)).first;
    GiveRefusalBack(*found->second);
  }
  found->second->lookups_ += 1;
  found->second->used_ = ++clock_;
  return found->second;
}

void InodeTable::Forget(Inode& inode, uint64_t count) {
  if (&inode == root_.get()) return;
  Forgotten gone;  // destroyed after the lock is gone
  std::lock_guard lock(mutex_);
  inode.lookups_ -= std::min(count, inode.lookups_);
  if (inode.lookups_ != 0) return;
  auto found = inodes_.find(inode.key());
  if (found == inodes_.end() || found->second.get() != &inode) return;
  forgotten_.push_back(found->second);
  gone = TakeForgotten();
}

void InodeTable::ForgetCommitted() {
  Forgotten gone;  // destroyed after the lock is gone
  std::lock_guard lock(mutex_);
  gone = TakeForgotten();
}

InodeTable::Forgotten InodeTable::TakeForgotten() {
  Forgotten gone, stay;
  for (std::shared_ptr<Inode>& inode : forgotten_) {
    if (inode->lookups_ != 0) continue;  // looked up again
    const std::shared_ptr<OpenDocument> document = inode->document();
    if (document != nullptr && document->has_changes()) {
      stay.push_back(std::move(inode));
    } else if (inodes_.erase(inode->key()) != 0) {
      KeepRefusal(*inode);
      gone.push_back(std::move(inode));
    }
  }
  forgotten_ = std::move(stay);
  return gone;
}

void InodeTable::KeepRefusal(const Inode& inode) {
  auto refusal = inode.refusal();
  if (!refusal) return;
  refusals_.emplace_back(inode.key(), std::move(*refusal));
  if (refusals_.size() > kKeptRefusals) refusals_.pop_front();
}

void InodeTable::GiveRefusalBack(Inode& inode) {
  const auto found = std::find_if(refusals_.begin(), refusals_.end(),
                                  [&](const auto& kept) { return kept.first == inode.key(); });
  if (found == refusals_.end()) return;
  inode.Remember(std::move(found->second));
  refusals_.erase(found);
}

std::shared_ptr<Inode> InodeTable::Peek(const Inode::Key& key) const {
  std::lock_guard lock(mutex_);
  auto found = inodes_.find(key);
  return found == inodes_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Inode>> InodeTable::Oldest(size_t count) {
  std::vector<std::shared_ptr<Inode>> oldest;
  std::lock_guard lock(mutex_);
  for (const auto& [key, inode] : inodes_) {
    if (inode->lookups_ == 0 || inode.use_count() > 1) continue;
    oldest.push_back(inode);
  }
  count = std::min(count, oldest.size());
  const auto end = oldest.begin() + static_cast<std::ptrdiff_t>(count);
  const auto rank = [](const std::shared_ptr<Inode>& inode) {
    return std::pair(inode->kind() == InodeKind::kDirectory, inode->used_);
  };
  std::nth_element(oldest.begin(), end, oldest.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  oldest.erase(end, oldest.end());
  for (const auto& inode : oldest) inode->used_ = ++clock_;
  return oldest;
}

size_t InodeTable::size() const {
  std::lock_guard lock(mutex_);
  return inodes_.size();
}

std::vector<std::shared_ptr<Inode>> InodeTable::WithDocuments() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Inode>> found;
  for (const auto& [key, inode] : inodes_) {
    if (inode->document() != nullptr) found.push_back(inode);
  }
  return found;
}

}  // namespace recrypt
