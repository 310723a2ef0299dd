#include "cli/mount_table.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/stored_names.h"
#include "core/jcd/stored_name.h"

namespace recrypt {
namespace {

constexpr std::string_view kMountType = "fuse.recryptfs";

// Blanks, tabs, newlines and backslashes stand as \ooo.
std::string Unescape(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool HasOption(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) break;
    options.remove_prefix(comma + 1);
  }
  return false;
}

// Empty when it cannot be read: another user's, or gone.
std::string ReadProcFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return file ? text.str() : "";
}

// Those of RecryptFS.
Result<std::vector<MountEntry>> AllMounts() {
  const std::string text = ReadProcFile("/proc/self/mountinfo");
  if (text.empty())
    return Fail(ErrorCode::kIo, "the table of mounts, /proc/self/mountinfo, is not there");
  std::vector<MountEntry> mounts = ParseMountInfo(text);
  std::erase_if(mounts, [](const MountEntry& mount) { return mount.type != kMountType; });
  return mounts;
}

}  // namespace

std::vector<MountEntry> ParseMountInfo(std::string_view text) {
  std::vector<MountEntry> mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point, options, field;
    if (!(fields >> id >> parent >> device >> root >> point >> options)) continue;
    while (fields >> field && field != "-") {
    }
    std::string type, source, more;
    if (!(fields >> type >> source >> more)) continue;
    mounts.push_back({Unescape(point), type, Unescape(source), device, options + "," + more});
  }
  return mounts;
}

Result<std::vector<MountEntry>> OwnMounts() {
  RECRYPT_ASSIGN(std::vector<MountEntry> mounts, AllMounts());
  const std::string owner = "user_id=" + std::to_string(getuid());
  std::erase_if(mounts, [&](const MountEntry& mount) {
    return getuid() != 0 && !HasOption(mount.options, owner);
  });
  return mounts;
}

Result<bool> LiesInAMount(const std::string& path) {
  RECRYPT_ASSIGN(const std::vector<MountEntry> mounts, AllMounts());
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountEntry& mount) {
    return path == mount.mountpoint || path.starts_with(mount.mountpoint + "/");
  });
}

Result<std::string> ResolveMountpoint(const std::string& path) {
  namespace stdfs = std::filesystem;
  std::error_code problem;
  stdfs::path whole = stdfs::absolute(path, problem).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  const stdfs::path parent = stdfs::canonical(whole.parent_path(), problem);
  if (problem) return FailErrno(problem.value(), path);
  return (parent / whole.filename()).string();
}

Result<std::string> PathOnShare(const std::string& path) {
  std::error_code problem;
  const std::string whole = std::filesystem::canonical(path, problem).string();
  if (problem) return FailErrno(problem.value(), path);
  RECRYPT_ASSIGN(const std::vector<MountEntry> mounts, OwnMounts());
  for (const MountEntry& mount : mounts) {
    if (whole == mount.mountpoint) return mount.source;
    if (whole.starts_with(mount.mountpoint + "/")) {
      return StoredDirectory(mount.source, whole.substr(mount.mountpoint.size() + 1));
    }
  }
  return whole;
}

Result<std::string> StoredOnShare(const std::string& path) {
  std::error_code problem;
  const std::filesystem::path whole = std::filesystem::canonical(path, problem);
  if (problem) return FailErrno(problem.value(), path);
  if (!std::filesystem::is_regular_file(whole, problem)) return PathOnShare(path);
  RECRYPT_ASSIGN(const std::string folder, PathOnShare(whole.parent_path()));
  if (folder == whole.parent_path()) return whole.string();
  const std::string name = whole.filename();
  const std::string stored = folder + "/" + StoredDocumentName(name);
  return std::filesystem::exists(stored, problem) ? stored : folder + "/" + name;
}

Result<std::string> MountAttribute(const std::string& path, const char* name) {
  std::string value(size_t{64} << 10, '\0');
  const ssize_t size = ::lgetxattr(path.c_str(), name, value.data(), value.size());
  if (size < 0) return FailErrno(errno, path);
  value.resize(static_cast<size_t>(size));
  return value;
}

Result<MountEntry> MountAt(const std::string& path) {
  RECRYPT_ASSIGN(const std::string resolved, ResolveMountpoint(path));
  RECRYPT_ASSIGN(const std::vector<MountEntry> mounts, OwnMounts());
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(), [&](const MountEntry& mount) {
    return mount.mountpoint == resolved;
  });
  if (found == mounts.rend()) {
    return Fail(ErrorCode::kNotFound,
                path + " is no mount of yours; 'recryptfs status' lists those there are");
  }
  return *found;
}

std::optional<MountCopy> FindCopy(const std::string& device) {
  std::error_code problem;
  std::filesystem::directory_iterator process("/proc", problem);
  for (const std::filesystem::directory_iterator end; !problem && process != end;
       process.increment(problem)) {
    const std::string folder = process->path().string();
    const std::string pid = process->path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    for (MountEntry& mount : ParseMountInfo(ReadProcFile(folder + "/mountinfo"))) {
      if (mount.device != device) continue;
      std::string program = ReadProcFile(folder + "/comm");
      if (program.ends_with('\n')) program.pop_back();
      return MountCopy{std::move(mount.mountpoint), pid, std::move(program)};
    }
  }
  return std::nullopt;
}

}  // namespace recrypt
