#include "tests/mount/support/faulty_store.h"

#include <sys/mman.h>

#include <atomic>
#include <new>

namespace recrypt {
namespace {

constexpr uint64_t Bit(StoreCall call) { return uint64_t{1} << static_cast<unsigned>(call); }

}  // namespace

struct Faults::Shared {
  std::atomic<uint64_t> at{0};
  std::atomic<uint64_t> counted{~uint64_t{0}};  // a bit for each call
  std::atomic<int> error{0};
  std::atomic<bool> lasts{false};
  std::atomic<bool> torn{false};
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> struck{0};
};

Faults::Faults()
    : shared_(new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                        -1, 0)) Shared) {}

Faults::~Faults() { munmap(shared_, sizeof(Shared)); }

void Faults::Arm(const Fault& fault) {
  shared_->at = 0;  // nothing strikes while this is changed
  uint64_t counted = fault.calls.size() == 0 ? ~uint64_t{0} : 0;
  for (StoreCall call : fault.calls) counted |= Bit(call);
  shared_->counted = counted;
  shared_->error = fault.error;
  shared_->lasts = fault.lasts;
  shared_->torn = fault.torn;
  shared_->calls = 0;
  shared_->struck = 0;
  shared_->at = fault.at;
}

uint64_t Faults::calls() const { return shared_->calls; }
uint64_t Faults::struck() const { return shared_->struck; }

Faults::Strike Faults::Count(StoreCall call) {
  if ((shared_->counted & Bit(call)) == 0) return {};
  const uint64_t number = ++shared_->calls;
  const uint64_t at = shared_->at;
  if (at == 0 || number < at || (number > at && !shared_->lasts)) return {};
  ++shared_->struck;
  return {shared_->error, shared_->torn};
}

#define RECRYPT_STRIKE(call)                                                \
  if (const Faults::Strike strike = faults_.Count(call); strike.error != 0) \
  return FailErrno(strike.error, "a fault that a test wants")

Result<UniqueFd> FaultyStore::OpenNode(int dir, const std::string& name) {
  RECRYPT_STRIKE(StoreCall::kOpenNode);
  return WrappedStore::OpenNode(dir, name);
}

Result<UniqueFd> FaultyStore::NodeOf(int fd) {
  RECRYPT_STRIKE(StoreCall::kNodeOf);
  return WrappedStore::NodeOf(fd);
}

Result<struct stat> FaultyStore::Stat(int fd_or_node) {
  RECRYPT_STRIKE(StoreCall::kStat);
  return WrappedStore::Stat(fd_or_node);
}

Result<struct stat> FaultyStore::StatAt(int dir, const std::string& name) {
  RECRYPT_STRIKE(StoreCall::kStatAt);
  return WrappedStore::StatAt(dir, name);
}

Result<std::string> FaultyStore::PathOf(int node) {
  RECRYPT_STRIKE(StoreCall::kPathOf);
  return WrappedStore::PathOf(node);
}

Status FaultyStore::CheckAccess(int node, int mask) {
  RECRYPT_STRIKE(StoreCall::kCheckAccess);
  return WrappedStore::CheckAccess(node, mask);
}

Status FaultyStore::ChangeMode(int node, mode_t mode) {
  RECRYPT_STRIKE(StoreCall::kChangeMode);
  return WrappedStore::ChangeMode(node, mode);
}

Status FaultyStore::ChangeOwner(int node, Owner owner) {
  RECRYPT_STRIKE(StoreCall::kChangeOwner);
  return WrappedStore::ChangeOwner(node, owner);
}

Status FaultyStore::ChangeTimes(int node, const struct timespec times[2]) {
  RECRYPT_STRIKE(StoreCall::kChangeTimes);
  return WrappedStore::ChangeTimes(node, times);
}

Result<std::string> FaultyStore::ReadLink(int node) {
  RECRYPT_STRIKE(StoreCall::kReadLink);
  return WrappedStore::ReadLink(node);
}

Result<struct statvfs> FaultyStore::StatFs(int node) {
  RECRYPT_STRIKE(StoreCall::kStatFs);
  return WrappedStore::StatFs(node);
}

Result<size_t> FaultyStore::GetXattr(int node, const std::string& name, void* value, size_t size) {
  RECRYPT_STRIKE(StoreCall::kGetXattr);
  return WrappedStore::GetXattr(node, name, value, size);
}

Result<size_t> FaultyStore::ListXattr(int node, char* list, size_t size) {
  RECRYPT_STRIKE(StoreCall::kListXattr);
  return WrappedStore::ListXattr(node, list, size);
}

Status FaultyStore::SetXattr(int node, const std::string& name, ByteSpan value, int flags) {
  RECRYPT_STRIKE(StoreCall::kSetXattr);
  return WrappedStore::SetXattr(node, name, value, flags);
}

Status FaultyStore::RemoveXattr(int node, const std::string& name) {
  RECRYPT_STRIKE(StoreCall::kRemoveXattr);
  return WrappedStore::RemoveXattr(node, name);
}

Status FaultyStore::MakeDirectory(int dir, const std::string& name, mode_t mode) {
  RECRYPT_STRIKE(StoreCall::kMakeDirectory);
  return WrappedStore::MakeDirectory(dir, name, mode);
}

Status FaultyStore::MakeNode(int dir, const std::string& name, mode_t mode, dev_t device) {
  RECRYPT_STRIKE(StoreCall::kMakeNode);
  return WrappedStore::MakeNode(dir, name, mode, device);
}

Status FaultyStore::MakeSymlink(int dir, const std::string& name, const std::string& target) {
  RECRYPT_STRIKE(StoreCall::kMakeSymlink);
  return WrappedStore::MakeSymlink(dir, name, target);
}

Status FaultyStore::Link(int node, int dir, const std::string& name) {
  RECRYPT_STRIKE(StoreCall::kLink);
  return WrappedStore::Link(node, dir, name);
}

Status FaultyStore::Unlink(int dir, const std::string& name) {
  RECRYPT_STRIKE(StoreCall::kUnlink);
  return WrappedStore::Unlink(dir, name);
}

Status FaultyStore::RemoveDirectory(int dir, const std::string& name) {
  RECRYPT_STRIKE(StoreCall::kRemoveDirectory);
  return WrappedStore::RemoveDirectory(dir, name);
}

Status FaultyStore::Rename(int from_dir, const std::string& from, int to_dir, const std::string& to,
                           unsigned flags) {
  RECRYPT_STRIKE(StoreCall::kRename);
  return WrappedStore::Rename(from_dir, from, to_dir, to, flags);
}

Result<UniqueFd> FaultyStore::OpenDirectory(int node) {
  RECRYPT_STRIKE(StoreCall::kOpenDirectory);
  return WrappedStore::OpenDirectory(node);
}

Result<size_t> FaultyStore::ReadEntries(int dir, MutableByteSpan buffer) {
  RECRYPT_STRIKE(StoreCall::kReadEntries);
  return WrappedStore::ReadEntries(dir, buffer);
}

Status FaultyStore::SeekDirectory(int dir, int64_t position) {
  RECRYPT_STRIKE(StoreCall::kSeekDirectory);
  return WrappedStore::SeekDirectory(dir, position);
}

Status FaultyStore::SyncDirectory(int dir) {
  RECRYPT_STRIKE(StoreCall::kSyncDirectory);
  return WrappedStore::SyncDirectory(dir);
}

Result<UniqueFd> FaultyStore::OpenFile(int node, int flags) {
  RECRYPT_STRIKE(StoreCall::kOpenFile);
  return WrappedStore::OpenFile(node, flags);
}

Result<UniqueFd> FaultyStore::CreateFile(int dir, const std::string& name, mode_t mode) {
  RECRYPT_STRIKE(StoreCall::kCreateFile);
  return WrappedStore::CreateFile(dir, name, mode);
}

Result<size_t> FaultyStore::ReadAt(int fd, uint64_t offset, MutableByteSpan out) {
  RECRYPT_STRIKE(StoreCall::kReadAt);
  return WrappedStore::ReadAt(fd, offset, out);
}

Status FaultyStore::WriteAt(int fd, uint64_t offset, ByteSpan data) {
  const Faults::Strike strike = faults_.Count(StoreCall::kWriteAt);
  if (strike.error == 0) return WrappedStore::WriteAt(fd, offset, data);
  if (strike.torn) RECRYPT_TRY(WrappedStore::WriteAt(fd, offset, data.first(data.size() / 2)));
  return FailErrno(strike.error, "a fault that a test wants");
}

Status FaultyStore::Truncate(int fd, uint64_t size) {
  RECRYPT_STRIKE(StoreCall::kTruncate);
  return WrappedStore::Truncate(fd, size);
}

Status FaultyStore::SyncData(int fd) {
  RECRYPT_STRIKE(StoreCall::kSyncData);
  return WrappedStore::SyncData(fd);
}

Status FaultyStore::TryLock(int fd, LockKind kind) {
  RECRYPT_STRIKE(StoreCall::kTryLock);
  return WrappedStore::TryLock(fd, kind);
}

#undef RECRYPT_STRIKE

}  // namespace recrypt
