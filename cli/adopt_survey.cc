#include "cli/adopt_survey.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "cli/stored_names.h"
#include "client/output_file.h"
#include "client/pinned_directories.h"
#include "core/base/rename_new.h"
#include "core/jcd/stored_name.h"
#include "fs/names.h"

namespace recrypt {
namespace {

// What belongs to a share that lies below.
bool IsSharesOwn(const std::string& path) {
  return path.find("/" + std::string(kShareDirectory) + "/") != std::string::npos;
}

std::pair<dev_t, ino_t> IdentityOf(const struct stat& info) { return {info.st_dev, info.st_ino}; }

void CountPlain(const ShareFile& file, AdoptSurvey& survey) {
  if (file.info.st_nlink > 1) {
    auto& names = survey.names[IdentityOf(file.info)];
    names.push_back(file.path);
    if (names.size() > 1) return;
  }
  const auto size = static_cast<uint64_t>(file.info.st_size);
  ++survey.files;
  survey.bytes += size;
  survey.largest = std::max(survey.largest, size);
  struct stat there {};
  const std::string stored = StoredPathOf(file.path);
  if (::lstat(stored.c_str(), &there) != 0) return;
  if (S_ISREG(there.st_mode)) {
    ++survey.beside;
  } else {
    survey.in_the_way.push_back(stored);
  }
}

}  // namespace

Result<AdoptSurvey> SurveyTree(const std::string& root, const ShareWalk::Unreadable& unreadable) {
  AdoptSurvey survey;
  ShareWalk walk(
      [&](const ShareFile& file) -> Status {
        if (IsSharesOwn(file.path)) return {};
        const bool is_document =
            file.kind == ShareFileKind::kDocument || file.kind == ShareFileKind::kTemporaryDocument;
        if (file.kind == ShareFileKind::kPlain) CountPlain(file, survey);
        if (is_document) {
          ++survey.documents;
          survey.stored_bytes += static_cast<uint64_t>(file.info.st_size);
        }
        if (file.kind == ShareFileKind::kTemporary) ++survey.left_behind;
        return {};
      },
      unreadable, WalkOver::kEverything);
  RECRYPT_TRY(walk.Run(root));
  return survey;
}

Status MakeWay(const std::string& in_the_way) {
  const std::string name(FileNameIn(in_the_way));
  const std::string to =
      std::string(FolderIn(in_the_way)).append(StoredName(name, StoredKind::kOther));
  PinnedDirectories pinned;
  RECRYPT_ASSIGN(const std::string pinned_from, pinned.Pin(in_the_way));
  RECRYPT_ASSIGN(const std::string pinned_to, pinned.Pin(to));
  // Durable before the name that needs it (DESIGN 6).
  RECRYPT_ASSIGN(const LongNames::Kept kept, KeepName(pinned_to, name));
  const int error = RenameNew(pinned_from, pinned_to);
  if (error != 0) return FailErrno(error, "renaming " + in_the_way + " to " + to);
  return SyncDirectoryOf(pinned_to);
}

Status ForEachPlainFile(const std::string& root, const AdoptSurvey& survey,
                        const ShareWalk::Unreadable& unreadable, const TakePlainFile& take) {
  ShareWalk walk(
      [&](const ShareFile& file) -> Status {
        if (file.kind != ShareFileKind::kPlain || IsSharesOwn(file.path)) return {};
        AdoptFile plain;
        const auto names = survey.names.find(IdentityOf(file.info));
        if (file.info.st_nlink < 2 || names == survey.names.end()) {
          plain.names.push_back({file.path, StoredPathOf(file.path)});
        } else if (names->second.front() == file.path) {
          for (const std::string& name : names->second) {
            plain.names.push_back({name, StoredPathOf(name)});
          }
        } else {
          return {};  // taken with its first name
        }
        return take(std::move(plain), static_cast<uint64_t>(file.info.st_size));
      },
      unreadable, WalkOver::kEverything);
  return walk.Run(root);
}

}  // namespace recrypt
