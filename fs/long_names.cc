#include "fs/long_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>

#include <chrono>
#include <thread>
#include <vector>

#include "core/crypto/symmetric.h"
#include "fs/directory_reader.h"
#include "fs/names.h"

namespace recrypt {
namespace {

// Another mount holds a sidecar's lock for some system calls.
constexpr int kWaitMs = 5000;
constexpr int kMaxMade = 8;
constexpr size_t kMaxLogged = 1000;

// Whoever may remove a sidecar may lock it, which needs the right to write to it.
mode_t SidecarMode(const struct stat& directory) {
  const bool sticky = (directory.st_mode & S_ISVTX) != 0;
  return 0644 | (sticky ? 0 : directory.st_mode & (S_IWGRP | S_IWOTH));
}

}  // namespace

Result<LongNames::Sidecar> LongNames::OpenSidecar(int dir, const std::string& stored, int flags) {
  RECRYPT_ASSIGN(UniqueFd node, store_.OpenNode(dir, SidecarName(stored)));
  RECRYPT_ASSIGN(struct stat st, store_.Stat(node.get()));
  if (!S_ISREG(st.st_mode) || st.st_size > static_cast<off_t>(kMaxName)) {
    return Fail(ErrorCode::kNotFound, "not a sidecar");
  }
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenFile(node.get(), flags));
  Bytes content(kMaxName + 1);
  RECRYPT_ASSIGN(size_t size, store_.ReadAt(fd.get(), 0, content));
  std::string name(AsText(ByteSpan(content).first(size)));
  if (!IsNameOfHashed(name, stored)) return Fail(ErrorCode::kNotFound, "it says something else");
  return Sidecar{std::move(fd), std::move(name)};
}

Status LongNames::SyncDirectory(int dir) {
  RECRYPT_ASSIGN(UniqueFd fd, store_.OpenDirectory(dir));
  return store_.SyncDirectory(fd.get());
}

Result<LongNames::Kept> LongNames::Keep(int dir, std::string_view name, const std::string& stored) {
  if (!IsHashedName(stored)) return Kept();
  int made = 0;
  for (int waited = 0; waited < kWaitMs; ++waited) {
    auto sidecar = OpenSidecar(dir, stored, O_RDONLY);
    if (!sidecar) {
      if (++made > kMaxMade) return Fail(std::move(sidecar.error()));
      RECRYPT_TRY(MakeSidecar(dir, name, stored));
      continue;
    }
    Status locked = store_.TryLock(sidecar->fd.get(), LockKind::kShared);
    if (!locked && locked.error().code == ErrorCode::kBusy) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    // Where the store has no locks, a name may lose its sidecar to another mount's removal.
    RECRYPT_ASSIGN(struct stat st, store_.Stat(sidecar->fd.get()));
    if (st.st_nlink == 0) continue;
    RECRYPT_TRY(SyncDirectory(dir));  // durable before the name that needs it (DESIGN 6)
    return std::move(sidecar->fd);
  }
  return Fail(ErrorCode::kBusy, "another mount is removing a file of that name");
}

// Under a name of its own until it is whole and durable; one that is left by a crash looks like a
// sidecar that nothing needs.
Status LongNames::MakeSidecar(int dir, std::string_view name, const std::string& stored) {
  const std::string temporary = SidecarName(
      StoredDocumentName(std::string(kMaxName - 32, '.') + HexEncode(RandomArray<16>())));
  RECRYPT_ASSIGN(struct stat directory, store_.Stat(dir));
  const mode_t mode = SidecarMode(directory);
  RECRYPT_ASSIGN(UniqueFd fd, store_.CreateFile(dir, temporary, mode));
  Status made = store_.ChangeMode(fd.get(), mode);  // names are for all, whatever the umask says
  if (made) made = store_.WriteAt(fd.get(), 0, AsBytes(name));
  if (made) made = store_.SyncData(fd.get());
  if (made) {
    made = store_.Rename(dir, temporary, dir, SidecarName(stored), 0);
    // Over what is no file, and no sidecar of ours: that gets the temporary name, and stays.
    if (!made) made = store_.Rename(dir, temporary, dir, SidecarName(stored), RENAME_EXCHANGE);
    if (made) return made;
  }
  (void)store_.Unlink(dir, temporary);
  return made;
}

void LongNames::Release(int dir, const std::string& stored) {
  if (IsHashedName(stored)) (void)RemoveSidecar(dir, stored);
}

Status LongNames::RemoveSidecar(int dir, const std::string& stored) {
  RECRYPT_ASSIGN(const Sidecar sidecar, OpenSidecar(dir, stored, O_RDWR));
  RECRYPT_TRY(store_.TryLock(sidecar.fd.get(), LockKind::kExclusive));
  // Under the lock nobody is about to make it again.
  auto needed = store_.StatAt(dir, stored);
  if (needed) return Fail(ErrorCode::kBusy, "the name is in use");
  if (needed.error().code != ErrorCode::kNotFound) return Fail(std::move(needed.error()));
  RECRYPT_TRY(SyncDirectory(dir));  // what needed it must not come back by a crash (DESIGN 6)
  return store_.Unlink(dir, SidecarName(stored));
}

bool LongNames::RemoveLeftovers(int dir) {
  auto fd = store_.OpenDirectory(dir);
  if (!fd) return false;
  std::vector<std::string> leftovers;
  DirectoryReader reader(store_, std::move(*fd));
  for (;;) {
    auto entry = reader.Next();
    if (!entry) return false;
    if (*entry == nullptr) break;
    const StoredEntry& stored = **entry;
    if (stored.name == "." || stored.name == "..") continue;
    if (!IsSidecarName(stored.name)) return false;
    leftovers.push_back(stored.name);
  }
  for (const std::string& leftover : leftovers) {
    Status removed = RemoveSidecar(dir, HashedNameOf(leftover));
    if (removed) continue;
    if (removed.error().code == ErrorCode::kBusy) return false;
    // One that says nothing, or of somebody else.
    auto st = store_.StatAt(dir, leftover);
    if (!st || !S_ISREG(st->st_mode) || !store_.Unlink(dir, leftover)) return false;
  }
  return !leftovers.empty();
}

Result<std::optional<std::string>> LongNames::NameOf(int dir, const std::string& stored) {
  auto sidecar = OpenSidecar(dir, stored, O_RDONLY);
  if (sidecar) return std::optional(std::move(sidecar->name));
  if (IsUnknown(sidecar.error())) return Fail(std::move(sidecar.error()));
  LogMissing(stored);
  return std::optional<std::string>();
}

void LongNames::LogMissing(const std::string& stored) {
  {
    std::lock_guard lock(mutex_);
    if (logged_.size() >= kMaxLogged || !logged_.insert(stored).second) return;
  }
  log_(LogLevel::kWarning, "\"" + stored +
                               "\" has a long name, which the file beside it should hold and does "
                               "not: shown as it is stored, and may be renamed");
}

std::string LongNames::NameOfPlace(std::string_view place) {
  const size_t slash = place.rfind('/');
  const std::string stored(place.substr(slash == std::string_view::npos ? 0 : slash + 1));
  const std::string fallback(NameFromStored(stored, StoredKind::kDocument).value_or(stored));
  if (!IsHashedName(stored)) return fallback;
  std::string_view above = slash == std::string_view::npos ? "" : place.substr(0, slash);
  auto dir = store_.NodeOf(store_.root());
  while (dir && !above.empty()) {
    const size_t end = above.find('/');
    dir = store_.OpenNode(dir->get(), std::string(above.substr(0, end)));
    above = end == std::string_view::npos ? "" : above.substr(end + 1);
  }
  if (!dir) return fallback;
  auto name = NameOf(dir->get(), stored);
  return name ? name->value_or(fallback) : fallback;
}

}  // namespace recrypt
