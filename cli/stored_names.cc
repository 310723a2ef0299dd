#include "cli/stored_names.h"

#include <sys/stat.h>

#include "core/base/rename_new.h"
#include "fs/posix_store.h"

namespace recrypt {
namespace {

void NoLog(LogLevel, const std::string&) {}

}  // namespace

std::string_view FileNameIn(std::string_view path) { return path.substr(FolderIn(path).size()); }

std::string_view FolderIn(std::string_view path) {
  const size_t slash = path.rfind('/');
  return path.substr(0, slash == std::string_view::npos ? 0 : slash + 1);
}

std::string StoredPathOf(const std::string& path) {
  return std::string(FolderIn(path)).append(StoredDocumentName(FileNameIn(path)));
}

std::string PlainPathOf(const std::string& path, StoredKind kind) {
  const std::string folder(FolderIn(path)), stored(FileNameIn(path));
  const std::string name(NameFromStored(stored, kind).value_or(stored));
  if (!IsHashedName(stored)) return folder + name;
  auto store = PosixStore::Open(folder.empty() ? "." : folder);
  if (!store) return folder + name;
  LongNames names(**store, NoLog);
  const auto kept = names.NameOf((*store)->root(), stored);
  return folder + (kept ? kept->value_or(name) : name);
}

std::string GiveNameInside(const std::string& stored, const std::string& plain,
                           const std::string& name) {
  const bool nameless =
      FileNameIn(stored) == std::string(FileNameIn(plain)).append(kDocumentSuffix);
  if (!nameless || !IsNameOfHashed(name, FileNameIn(stored))) return plain;
  std::string to = std::string(FolderIn(plain)) + name;
  return RenameNew(plain, to) == 0 ? to : plain;
}

bool IsStoredDocument(std::string_view path) {
  return NameFromStored(FileNameIn(path), StoredKind::kDocument).has_value();
}

std::string StoredDirectory(const std::string& root, std::string_view path) {
  std::string at = root;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view name = path.substr(0, end);
    struct stat st;
    const std::string stored = at + "/" + StoredName(name, StoredKind::kOther);
    // One that was made on the share itself has the name that is shown.
    at = ::lstat(stored.c_str(), &st) == 0 ? stored : at + "/" + std::string(name);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  return at;
}

Result<LongNames::Kept> KeepName(const std::string& stored, std::string_view name) {
  const std::string stored_name(FileNameIn(stored));
  if (!IsNameOfHashed(name, stored_name)) return LongNames::Kept();
  const std::string folder(FolderIn(stored));
  RECRYPT_ASSIGN(const auto store, PosixStore::Open(folder.empty() ? "." : folder));
  LongNames names(*store, NoLog);
  return names.Keep(store->root(), name, stored_name);
}

}  // namespace recrypt
