// WrappedStore: a store that passes everything on. Test stores that record, fail or cache derive
// from it and override what they are about.
//
//   class SlowStore : public WrappedStore {
//    public:
//     using WrappedStore::WrappedStore;
//     Status SyncData(int fd) override { usleep(1000); return WrappedStore::SyncData(fd); }
//   };
//   Mount({.wrap_store = [](auto inner) { return std::make_unique<SlowStore>(std::move(inner));
//   }});
//
// Thread safe as the inner one is.
#ifndef RECRYPT_TESTS_MOUNT_SUPPORT_WRAPPED_STORE_H_
#define RECRYPT_TESTS_MOUNT_SUPPORT_WRAPPED_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fs/store.h"

namespace recrypt {

class WrappedStore : public Store {
 public:
  explicit WrappedStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  int root() const override { return inner_->root(); }
  bool IsRemote() const override { return inner_->IsRemote(); }
  Status Revalidate(int fd_or_node) override { return inner_->Revalidate(fd_or_node); }
  Result<UniqueFd> OpenNode(int dir, const std::string& name) override {
    return inner_->OpenNode(dir, name);
  }
  Result<UniqueFd> NodeOf(int fd) override { return inner_->NodeOf(fd); }
  Result<struct stat> Stat(int fd_or_node) override { return inner_->Stat(fd_or_node); }
  Result<struct stat> StatAt(int dir, const std::string& name) override {
    return inner_->StatAt(dir, name);
  }
  Result<std::string> PathOf(int node) override { return inner_->PathOf(node); }
  Status CheckAccess(int node, int mask) override { return inner_->CheckAccess(node, mask); }
  Status ChangeMode(int node, mode_t mode) override { return inner_->ChangeMode(node, mode); }
  Status ChangeOwner(int node, Owner owner) override { return inner_->ChangeOwner(node, owner); }
  Status ChangeTimes(int node, const struct timespec times[2]) override {
    return inner_->ChangeTimes(node, times);
  }
  Result<std::string> ReadLink(int node) override { return inner_->ReadLink(node); }
  Result<struct statvfs> StatFs(int node) override { return inner_->StatFs(node); }
  Result<size_t> GetXattr(int node, const std::string& name, void* value, size_t size) override {
    return inner_->GetXattr(node, name, value, size);
  }
  Result<size_t> ListXattr(int node, char* list, size_t size) override {
    return inner_->ListXattr(node, list, size);
  }
  Status SetXattr(int node, const std::string& name, ByteSpan value, int flags) override {
    return inner_->SetXattr(node, name, value, flags);
  }
  Status RemoveXattr(int node, const std::string& name) override {
    return inner_->RemoveXattr(node, name);
  }
  Status MakeDirectory(int dir, const std::string& name, mode_t mode) override {
    return inner_->MakeDirectory(dir, name, mode);
  }
  Status MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) override {
    return inner_->MakeNode(dir, name, mode, device);
  }
  Status MakeSymlink(int dir, const std::string& name, const std::string& target) override {
    return inner_->MakeSymlink(dir, name, target);
  }
  Status Link(int node, int dir, const std::string& name) override {
    return inner_->Link(node, dir, name);
  }
  Status Unlink(int dir, const std::string& name) override { return inner_->Unlink(dir, name); }
  Status RemoveDirectory(int dir, const std::string& name) override {
    return inner_->RemoveDirectory(dir, name);
  }
  Status Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                unsigned flags) override {
    return inner_->Rename(from_dir, from, to_dir, to, flags);
  }
  Result<UniqueFd> OpenDirectory(int node) override { return inner_->OpenDirectory(node); }
  Result<size_t> ReadEntries(int dir, MutableByteSpan buffer) override {
    return inner_->ReadEntries(dir, buffer);
  }
  Status SeekDirectory(int dir, int64_t position) override {
    return inner_->SeekDirectory(dir, position);
  }
  Status SyncDirectory(int dir) override { return inner_->SyncDirectory(dir); }
  Result<UniqueFd> OpenFile(int node, int flags) override { return inner_->OpenFile(node, flags); }
  Result<UniqueFd> CreateFile(int dir, const std::string& name, mode_t mode) override {
    return inner_->CreateFile(dir, name, mode);
  }
  void WillRead(int fd, uint64_t offset, uint64_t size) override {
    inner_->WillRead(fd, offset, size);
  }
  Result<size_t> ReadAt(int fd, uint64_t offset, MutableByteSpan out) override {
    return inner_->ReadAt(fd, offset, out);
  }
  Status WriteAt(int fd, uint64_t offset, ByteSpan data) override {
    return inner_->WriteAt(fd, offset, data);
  }
  Status Truncate(int fd, uint64_t size) override { return inner_->Truncate(fd, size); }
  Status SyncData(int fd) override { return inner_->SyncData(fd); }
  Status SyncAll(int fd) override { return inner_->SyncAll(fd); }
  Status SyncShare() override { return inner_->SyncShare(); }
  Status TryLock(int fd, LockKind kind) override { return inner_->TryLock(fd, kind); }
  void Unlock(int fd) override { inner_->Unlock(fd); }
  Status TryLockRange(int fd, const RangeLock& lock) override {
    return inner_->TryLockRange(fd, lock);
  }
  Status UnlockRange(int fd, uint64_t first, uint64_t last) override {
    return inner_->UnlockRange(fd, first, last);
  }
  Result<std::optional<RangeLock>> FindLock(int fd, const RangeLock& wanted) override {
    return inner_->FindLock(fd, wanted);
  }

 protected:
  Store& inner() { return *inner_; }

 private:
  const std::unique_ptr<Store> inner_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_MOUNT_SUPPORT_WRAPPED_STORE_H_
