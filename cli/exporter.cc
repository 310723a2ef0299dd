#include "cli/exporter.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cli/stored_names.h"
#include "client/durable_file.h"
#include "fs/names.h"

namespace recrypt {
namespace {

// As many grants as are asked for at once.
constexpr size_t kBatch = BroughtGrants::kMost;

struct Opened {
  UniqueFd fd;
  struct stat info {};
};

Result<Opened> OpenToRead(const std::string& path, int flags) {
  Opened opened{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags)), {}};
  if (!opened.fd || ::fstat(opened.fd.get(), &opened.info) != 0) {
    return FailErrno(errno, "opening " + path);
  }
  return opened;
}

Result<bool> SamePlain(const std::string& one, const std::string& other) {
  RECRYPT_ASSIGN(const Opened first, OpenToRead(one, O_NOFOLLOW));
  RECRYPT_ASSIGN(const Opened second, OpenToRead(other, O_NOFOLLOW));
  FileContent left(first.fd.get(), static_cast<uint64_t>(first.info.st_size));
  FileContent right(second.fd.get(), static_cast<uint64_t>(second.info.st_size));
  return SameContent(left, right);
}

// Beside a document of its name a mount shows a plain file with a mark.
std::string PlainMark(const std::string& path) {
  struct stat info {};
  const bool beside = ::lstat(StoredPathOf(path).c_str(), &info) == 0 && S_ISREG(info.st_mode);
  return beside ? std::string(kPlainMark) : std::string();
}

bool IsSameFile(const std::string& one, const std::string& other) {
  struct stat a {};
  struct stat b {};
  return ::lstat(one.c_str(), &a) == 0 && ::lstat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

Status Exporter::Run(const std::string& root) {
  struct stat info {};
  if (::stat(root.c_str(), &info) != 0) return FailErrno(errno, root);
  folders_[S_ISDIR(info.st_mode) ? root : ParentOf(root)] = spec_.to;
  if (S_ISDIR(info.st_mode) && spec_.made_to) directories_.push_back({root, spec_.to});
  ShareWalk walk(
      [this](const ShareFile& file) { return Take(file); },
      [this](const std::string& path, const Error& error) { failures_.Add(path, error); },
      WalkOver::kEverything);
  RECRYPT_TRY(walk.Run(root));
  RECRYPT_TRY(Flush());
  MakeLinks();
  FinishDirectories();
  return {};
}

Status Exporter::Take(const ShareFile& file) {
  switch (file.kind) {
    case ShareFileKind::kDirectory:
      TakeDirectory(file);
      return {};
    case ShareFileKind::kLink:
      TakeSymlink(file.path);
      return {};
    case ShareFileKind::kSpecial:
      ++totals_.special;
      return {};
    case ShareFileKind::kDocument:
    case ShareFileKind::kTemporaryDocument:
      return TakeFile(file, Kind::kDocument, PlainPathOf(file.path));
    case ShareFileKind::kPlain:
    case ShareFileKind::kTemporary:
      return TakeFile(file, Kind::kPlain, file.path + PlainMark(file.path));
    case ShareFileKind::kShareFiles:
    case ShareFileKind::kUnnamed:  // comes as a document, too
    case ShareFileKind::kUnneeded:
      return {};
  }
  return {};
}

std::string Exporter::PlaceOf(const std::string& shown) const {
  const auto folder = folders_.find(ParentOf(shown));
  if (folder == folders_.end()) return "";
  return folder->second + "/" + std::string(FileNameIn(shown));
}

void Exporter::TakeDirectory(const ShareFile& file) {
  const std::string to = PlaceOf(PlainPathOf(file.path, StoredKind::kOther));
  if (to.empty()) return;
  struct stat info {};
  const bool made = ::mkdir(to.c_str(), 0700) == 0;
  const bool there =
      !made && errno == EEXIST && ::lstat(to.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  if (!made && !there) return failures_.Add(file.path, FailErrno(errno, "making " + to).value());
  folders_[file.path] = to;
  ++totals_.directories;
  directories_.push_back({file.path, to});
}

void Exporter::TakeSymlink(const std::string& path) {
  const std::string to = PlaceOf(PlainPathOf(path, StoredKind::kOther));
  std::error_code problem;
  const auto target = std::filesystem::read_symlink(path, problem);
  if (to.empty()) return;
  if (problem) return failures_.Add(path, FailErrno(problem.value(), "reading it").value());
  if (::symlink(target.c_str(), to.c_str()) != 0) {
    const int error = errno;
    const bool same = error == EEXIST && std::filesystem::read_symlink(to, problem) == target;
    if (!same) return failures_.Add(path, FailErrno(error, "making " + to).value());
  }
  ++totals_.links;
}

Status Exporter::TakeFile(const ShareFile& file, Kind kind, const std::string& shown) {
  std::string to = PlaceOf(shown);
  if (to.empty()) return {};
  const std::pair identity{file.info.st_dev, file.info.st_ino};
  if (file.info.st_nlink > 1 && !first_names_.emplace(identity, to).second) {
    links_.push_back({identity, file.path, std::move(to)});
    return {};
  }
  jobs_.push_back({kind, file.path, std::move(to), file.info});
  return jobs_.size() < kBatch ? Status() : Flush();
}

Status Exporter::Flush() {
  BroughtGrants grants(*spec_.access);
  std::vector<std::string> stored;
  for (const Job& job : jobs_) {
    if (job.kind == Kind::kDocument) stored.push_back(job.from);
  }
  if (!stored.empty()) BringGrants(grants, stored);
  ForEachTogether(jobs_.size(), [&](size_t i) {
    Status done = One(jobs_[i], grants);
    if (!done) jobs_[i].failure = std::move(done.error());
  });
  for (const Job& job : jobs_) Count(job);
  jobs_.clear();
  return failures_.StopIfDiskIsFull();
}

Status Exporter::One(Job& job, Access& grants) {
  const Progress progress = [this, last = uint64_t{0}](uint64_t done) mutable {
    if (spec_.unit == ProgressUnit::kBytes) spec_.line->Add(done - std::min(last, done));
    last = std::max(last, done);
  };
  job.size = static_cast<uint64_t>(job.info.st_size);
  Status done =
      job.kind == Kind::kPlain ? CopyPlain(job, progress) : Decrypt(job, grants, progress);
  if (done || done.error().code != ErrorCode::kExists) return done;
  // An earlier run's, or somebody else's: never replaced.
  RECRYPT_ASSIGN(const bool same,
                 job.kind == Kind::kPlain
                     ? SamePlain(job.from, job.to)
                     : HoldsTheSame(grants, *spec_.clock, job.from, job.to, progress));
  job.was_there = same;
  if (same) return {};
  return Fail(ErrorCode::kExists,
              job.to + " is there and holds something else: export to another directory");
}

// All that belongs to the file goes along.
Status Exporter::CopyPlain(Job& job, const Progress& progress) {
  RECRYPT_ASSIGN(const Opened from, OpenToRead(job.from, O_NOFOLLOW));
  RECRYPT_ASSIGN(OutputFile output, OutputFile::Make(job.to, Overwrite::kRefuse, &sync_));
  job.size = static_cast<uint64_t>(from.info.st_size);
  RECRYPT_TRY(CopyFileContent(from.fd.get(), job.size, output.fd(), progress));
  RECRYPT_TRY(CopyUserXattrs(from.fd.get(), output.fd()));
  RECRYPT_ASSIGN(job.owner, CopyMetadata(from.fd.get(), from.info, output.fd()));
  RECRYPT_TRY(output.Sync());
  RECRYPT_TRY(output.TakeName());
  return output.SyncName();
}

Status Exporter::Decrypt(Job& job, Access& grants, const Progress& progress) {
  RECRYPT_ASSIGN(Decrypted done, DecryptFile(grants, *spec_.clock, job.from, job.to,
                                             {Overwrite::kRefuse, Keep::kAll, &sync_}, progress));
  job.to = GiveNameInside(job.from, job.to, done.name);
  job.size = done.size;
  job.owner = done.owner;
  job.lost_attributes = std::move(done.lost_attributes);
  return {};
}

void Exporter::Count(const Job& job) {
  if (spec_.unit == ProgressUnit::kPieces) spec_.line->Add(1);
  std::optional<Error> problem = job.failure;
  if (!problem && job.lost_attributes) {
    problem = Fail(*job.lost_attributes, "written without its extended attributes").value();
  }
  if (problem) {
    spec_.line->Hide();
    failures_.Add(job.from, *problem);
  }
  if (job.failure) {
    ++totals_.failed;
    first_names_.erase({job.info.st_dev, job.info.st_ino});
    return;
  }
  ++(job.was_there                 ? totals_.there
     : job.kind == Kind::kDocument ? totals_.documents
                                   : totals_.plain);
  if (job.owner == OwnerKept::kNo) ++totals_.owners_changed;
  totals_.bytes += job.size;
  const auto first = first_names_.find({job.info.st_dev, job.info.st_ino});
  if (first != first_names_.end()) first->second = job.to;
}

void Exporter::MakeLinks() {
  for (const Link& link : links_) {
    const auto first = first_names_.find(link.file);
    if (first == first_names_.end()) {
      failures_.Add(link.from, {ErrorCode::kNotFound, "its other name could not be exported", 0});
      continue;
    }
    if (::link(first->second.c_str(), link.to.c_str()) == 0) {
      ++totals_.links;
      continue;
    }
    const int error = errno;
    const bool same = error == EEXIST && IsSameFile(first->second, link.to);
    if (!same) failures_.Add(link.from, FailErrno(error, "making " + link.to).value());
  }
}

// Those that lie deepest first: what is made in a directory changes its times.
void Exporter::FinishDirectories() {
  const auto finish = [](const Moved& directory) -> Status {
    RECRYPT_ASSIGN(const Opened from, OpenToRead(directory.from, O_DIRECTORY));
    RECRYPT_ASSIGN(const Opened to, OpenToRead(directory.to, O_DIRECTORY | O_NOFOLLOW));
    RECRYPT_TRY(CopyUserXattrs(from.fd.get(), to.fd.get()));
    RECRYPT_TRY(CopyMetadata(from.fd.get(), from.info, to.fd.get()));
    return {};
  };
  for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
    const Status done = finish(*at);
    if (!done) failures_.Add(at->from, done.error());
  }
}

}  // namespace recrypt
