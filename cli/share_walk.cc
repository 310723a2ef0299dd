#include "cli/share_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "cli/share_names.h"
#include "fs/names.h"

namespace recrypt {
namespace {

constexpr int kMaxDepth = 1000;
constexpr std::string_view kTemporarySuffix = ".tmp";
constexpr size_t kRandomDigits = 16;

bool IsRandomHex(std::string_view text) {
  return text.size() == kRandomDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

struct DirectoryEntry {
  std::string name;
  struct stat info;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Sorted by name.
Result<std::vector<DirectoryEntry>> ReadEntries(const std::string& path) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (!directory) return FailErrno(errno, "reading it");
  std::vector<DirectoryEntry> entries;
  errno = 0;
  while (const struct dirent* found = ::readdir(directory.get())) {
    const std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    DirectoryEntry entry{name, {}};
    // One that is gone since is no error.
    if (::fstatat(::dirfd(directory.get()), name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) == 0) {
      entries.push_back(std::move(entry));
    }
    errno = 0;
  }
  if (errno != 0) return FailErrno(errno, "reading it");
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

}  // namespace

ShareFileKind KindByName(std::string_view name) {
  if (IsSidecarName(name)) return ShareFileKind::kUnneeded;
  const auto plain = NameFromStored(name, StoredKind::kDocument);
  // As relabelling by rename names them (fs/relabel.cc), and a file that a command writes.
  if (plain && plain->starts_with('.') && IsRandomHex(plain->substr(1))) {
    return ShareFileKind::kTemporaryDocument;
  }
  if (plain) return ShareFileKind::kDocument;
  if (name.ends_with(kTemporarySuffix)) {
    const std::string_view rest = name.substr(0, name.size() - kTemporarySuffix.size());
    const size_t dot = rest.rfind('.');
    if (dot != std::string_view::npos && IsRandomHex(rest.substr(dot + 1))) {
      return ShareFileKind::kTemporary;
    }
  }
  return ShareFileKind::kPlain;
}

bool ShareWalk::IsFirstName(dev_t device, ino_t inode, nlink_t names) {
  return names < 2 || seen_.emplace(device, inode).second;
}

Status ShareWalk::Run(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return FailErrno(errno, path);
  if (S_ISDIR(info.st_mode)) return Directory(path, 0);
  if (!S_ISREG(info.st_mode)) {
    return Fail(ErrorCode::kInvalid, path + " is neither a directory nor a regular file");
  }
  return visit_({ShareFileKind::kDocument, path, info});
}

Status ShareWalk::Directory(const std::string& path, int depth) {
  auto entries =
      depth < kMaxDepth ? ReadEntries(path) : Fail(ErrorCode::kInvalid, "it lies too deep");
  if (!entries) {
    unreadable_(path, entries.error());
    return {};
  }
  std::set<std::string_view> names;
  for (const DirectoryEntry& entry : *entries) {
    if (IsHashedName(entry.name)) names.insert(entry.name);
  }
  for (const DirectoryEntry& entry : *entries) {
    // A sidecar goes with what it names, unless that is gone.
    if (IsSidecarName(entry.name) && names.contains(HashedNameOf(entry.name))) continue;
    const std::string below = (path == "/" ? "" : path) + "/" + entry.name;
    if (names.contains(entry.name)) RECRYPT_TRY(CheckName(below, entry.info));
    RECRYPT_TRY(Entry(below, entry.info, depth));
  }
  return {};
}

Status ShareWalk::CheckName(const std::string& path, const struct stat& info) {
  const auto named = HasItsName(path);
  if (named && *named) return {};
  if (named) return visit_({ShareFileKind::kUnnamed, path, info});
  unreadable_(path, named.error());
  return {};
}

Status ShareWalk::Entry(const std::string& path, const struct stat& info, int depth) {
  const bool everything = over_ == WalkOver::kEverything;
  if (S_ISDIR(info.st_mode)) {
    const bool shares_own = depth == 0 && path.ends_with("/" + std::string(kShareDirectory));
    if (shares_own) return visit_({ShareFileKind::kShareFiles, path, info});
    if (everything) RECRYPT_TRY(visit_({ShareFileKind::kDirectory, path, info}));
    return Directory(path, depth + 1);
  }
  if (!S_ISREG(info.st_mode)) {
    if (!everything) return {};
    const auto kind = S_ISLNK(info.st_mode) ? ShareFileKind::kLink : ShareFileKind::kSpecial;
    return visit_({kind, path, info});
  }
  if (!everything && !IsFirstName(info.st_dev, info.st_ino, info.st_nlink)) return {};
  return visit_({KindByName(path.substr(path.rfind('/') + 1)), path, info});
}

}  // namespace recrypt
