#include "client/adopt.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "client/brought_grants.h"
#include "client/document_check.h"
#include "client/durable_file.h"
#include "client/pinned_directories.h"
#include "client/write_guard.h"
#include "core/jcd/stored_name.h"

namespace recrypt {
namespace {

constexpr int kAttempts = 8;

std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Hidden by mounts, as a sidecar that belongs to nothing is (docs/FORMAT.md, 11), and the same in
// every run: what a killed one leaves behind is in the way of the next, which removes it.
std::string TemporaryFor(const AdoptFile::Name& name) {
  std::string seed = "adopt/" + NameIn(name.plain);
  seed.resize(std::max(seed.size(), kMaxName + 1), '/');
  return ParentOf(name.stored) + "/" + SidecarName(StoredDocumentName(seed));
}

bool IsSameFile(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool IsSameTime(const struct timespec& one, const struct timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

tl::unexpected<Error> FailChanged() {
  return Fail(ErrorCode::kBusy, "it changed meanwhile and was left plain: run this again");
}

tl::unexpected<Error> FailToMake(const Error& error, const AdoptFile::Name& name) {
  const std::string stored = NameIn(name.stored);
  if (error.code == ErrorCode::kExists) {
    return Fail(ErrorCode::kExists, stored + " has just been made by somebody else");
  }
  return FailErrno(error.os_error, "making " + stored);
}

bool HasNoRoom(const Adopted& one) {
  return one.failure && (one.failure->os_error == ENOSPC || one.failure->os_error == EDQUOT);
}

// Without marking it as just read, where the system lets us.
UniqueFd OpenPlain(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  UniqueFd fd(::open(path.c_str(), kFlags | O_NOATIME));
  if (!fd && errno == EPERM) fd = UniqueFd(::open(path.c_str(), kFlags));
  return fd;
}

}  // namespace

// One file on its way.
struct Adopter::Job {
  // `pinned` outlives the job.
  Job(const AdoptFile& of, PinnedDirectories& pinned) {
    about.path = of.names.front().plain;
    for (const AdoptFile::Name& name : of.names) {
      auto plain = pinned.Pin(name.plain);
      auto stored = pinned.Pin(name.stored);
      if (plain && stored) {
        file.names.push_back({std::move(*plain), std::move(*stored)});
      } else {
        about.failure = std::move(plain ? stored.error() : plain.error());
      }
    }
  }

  AdoptFile file;  // by paths that lead nowhere else
  Adopted about;
  UniqueFd plain;
  struct stat before {};
  Attributes attributes;
  std::optional<OutputFile> output;  // while the document has no name yet
  std::optional<NewDocument> made;   // absent: an earlier run's
  UniqueFd document;                 // with the exclusive lock
  std::string stored;                // a name that it has
  struct stat document_info {};
  std::optional<Header> header;
  std::vector<std::string> given;  // stored names that this run has made

  Status CheckUnchanged() const {
    for (const AdoptFile::Name& name : file.names) {
      struct stat now {};
      if (::lstat(name.plain.c_str(), &now) != 0 || !IsSameFile(now, before)) return FailChanged();
      const bool same = now.st_size == before.st_size && now.st_nlink == before.st_nlink &&
                        IsSameTime(now.st_mtim, before.st_mtim) &&
                        IsSameTime(now.st_ctim, before.st_ctim);
      if (!same) return FailChanged();
    }
    return {};
  }
  // The plain file stays: nothing else does.
  void TakeNamesBack() {
    for (const std::string& stored : given) {
      struct stat now {};
      const bool is_ours = ::lstat(stored.c_str(), &now) == 0 && IsSameFile(now, document_info);
      if (is_ours) (void)::unlink(stored.c_str());
    }
    given.clear();
  }
};

void Adopter::Run(std::span<const AdoptFile> files, const Report& report) {
  std::vector<Adopted> done = RunTogether(files);
  for (size_t i = 0; i < done.size(); ++i) {
    // What went before has made room.
    if (HasNoRoom(done[i]) && files.size() > 1) {
      done[i] = std::move(RunTogether(files.subspan(i, 1)).front());
    }
    report(done[i]);
  }
}

std::vector<Adopted> Adopter::RunTogether(std::span<const AdoptFile> files) {
  PinnedDirectories pinned;
  std::vector<std::unique_ptr<Job>> jobs;
  for (const AdoptFile& file : files) jobs.push_back(std::make_unique<Job>(file, pinned));
  const auto step = [&](const auto& work) {
    ForEachTogether(jobs.size(), [&](size_t i) {
      if (jobs[i]->about.failure) return;
      Status done = work(*jobs[i]);
      if (done) return;
      jobs[i]->about.failure = std::move(done.error());
      jobs[i]->output.reset();  // what there is of it makes room for others
      jobs[i]->TakeNamesBack();
    });
  };
  step([this](Job& job) { return Begin(job); });
  BroughtGrants grants(*spec_.access);
  std::vector<const Header*> headers;
  for (const auto& job : jobs) {
    const bool own = job->made && spec_.open_again == OpenAgainBy::kOwnKeys;
    if (!job->about.failure && !own) headers.push_back(&*job->header);
  }
  if (!headers.empty()) grants.Bring(headers);
  step([&](Job& job) -> Status {
    RECRYPT_TRY(Compare(job, grants));
    return Replace(job);
  });
  std::vector<Adopted> done;
  for (const auto& job : jobs) done.push_back(std::move(job->about));
  return done;
}

// Up to a document that is durable, under a name that nobody knows; or one from an earlier run.
Status Adopter::Begin(Job& job) {
  job.plain = OpenPlain(job.file.names.front().plain);
  if (!job.plain) return FailErrno(errno, "opening it");
  if (::fstat(job.plain.get(), &job.before) != 0) return FailErrno(errno, "reading it");
  if (!S_ISREG(job.before.st_mode)) return FailChanged();
  job.about.size = static_cast<uint64_t>(job.before.st_size);
  if (job.before.st_nlink > job.file.names.size()) {
    return Fail(ErrorCode::kInvalid,
                "it has " + std::to_string(job.before.st_nlink) +
                    " names, and not all of them lie "
                    "here: adopt the directory that has them all, or make a copy of it");
  }
  // Whoever writes it will not be done with it soon.
  RECRYPT_TRY(WriteGuard::Take(job.plain.get()));
  RECRYPT_ASSIGN(job.attributes, UserAttributes(job.plain.get()));
  RECRYPT_TRY(FindMade(job));
  if (!job.document) RECRYPT_TRY(Make(job));
  UniqueFd own(::fcntl(job.document.get(), F_DUPFD_CLOEXEC, 0));
  if (!own) return FailErrno(errno, "opening its document");
  FdStoredFile file(std::move(own));
  auto header = FirstHeader(file);
  if (!header && job.made) return Fail(std::move(header.error()));
  if (!header) {
    return Fail(ErrorCode::kExists, NameIn(job.stored) +
                                        " stands beside it and is no document: rename it, and run "
                                        "this again");
  }
  job.header = std::move(*header);
  return {};
}

// A document that stands there already: this file's from an earlier run, or somebody else's, which
// comparing will tell.
Status Adopter::FindMade(Job& job) {
  for (const AdoptFile::Name& name : job.file.names) {
    struct stat now {};
    if (::lstat(name.stored.c_str(), &now) != 0) {
      if (errno != ENOENT) return FailErrno(errno, "looking for its document");
      continue;
    }
    const std::string what = NameIn(name.stored) + " stands beside it";
    if (!S_ISREG(now.st_mode)) {
      return Fail(ErrorCode::kExists, what + " and is no document: rename it, and run this again");
    }
    if (job.document && IsSameFile(now, job.document_info)) continue;
    if (job.document) return Fail(ErrorCode::kExists, what + " and is another document");
    job.document = UniqueFd(::open(name.stored.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!job.document) return FailErrno(errno, "opening its document");
    RECRYPT_TRY(WaitForDocument(job.document.get(), LockKind::kExclusive, spec_.lock_wait_ms));
    if (::fstat(job.document.get(), &job.document_info) != 0) {
      return FailErrno(errno, "opening its document");
    }
    // Promise: a file's owner does not lose it to whoever may make a name beside it.
    const uid_t owner = job.document_info.st_uid;
    if (owner != job.before.st_uid && owner != ::geteuid()) {
      return Fail(ErrorCode::kExists, what + " and belongs to somebody else: rename one of them");
    }
    job.stored = name.stored;
    job.about.was_begun = true;
  }
  return {};
}

Status Adopter::Make(Job& job) {
  RECRYPT_TRY(TakeTemporary(job));
  const EncryptSpec spec{spec_.label, NameIn(job.about.path), Signing::kAuthor};
  RECRYPT_ASSIGN(job.made, WriteNewDocument(*spec_.access, spec, job.plain.get(), job.about.size,
                                            job.attributes, job.output->fd(), ProgressOf()));
  RECRYPT_ASSIGN(job.about.owner, CopyMetadata(job.plain.get(), job.before, job.output->fd()));
  RECRYPT_TRY(job.output->Sync());
  // What is compared is what the disk has.
  (void)::posix_fadvise(job.output->fd(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

// The document's lock keeps another run, and whoever finds the document early, from it.
Status Adopter::TakeTemporary(Job& job) {
  const AdoptFile::Name& name = job.file.names.front();
  const std::string temporary = TemporaryFor(name);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto output = OutputFile::MakeAs(name.stored, temporary, &sync_);
    if (!output && output.error().code == ErrorCode::kExists) {
      const UniqueFd left(::open(temporary.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
      if (!left) continue;
      if (!TryLockDocument(left.get(), LockKind::kExclusive)) {
        return Fail(ErrorCode::kBusy, "it is being adopted by somebody else");
      }
      (void)::unlink(temporary.c_str());
      continue;
    }
    if (!output) return FailToMake(output.error(), name);
    struct stat now {};
    struct stat own {};
    const bool locked = TryLockDocument(output->fd(), LockKind::kExclusive).has_value();
    const bool is_there = ::lstat(temporary.c_str(), &now) == 0 &&
                          ::fstat(output->fd(), &own) == 0 && IsSameFile(now, own);
    if (!is_there) output->Forget();
    if (!locked || !is_there) continue;
    job.document = UniqueFd(::fcntl(output->fd(), F_DUPFD_CLOEXEC, 0));
    if (!job.document) return FailErrno(errno, "making its document");
    job.document_info = own;
    job.output.emplace(std::move(*output));
    return {};
  }
  return Fail(ErrorCode::kBusy,
              "its document cannot be made: " + NameIn(temporary) + " is in the way");
}

// Promise: a plain file goes only when its document decrypts to the very same.
Status Adopter::Compare(Job& job, Access& grants) {
  UniqueFd own(::fcntl(job.document.get(), F_DUPFD_CLOEXEC, 0));
  if (!own) return FailErrno(errno, "opening its document");
  const auto file = std::make_shared<FdStoredFile>(std::move(own));
  std::unique_ptr<Document> document;
  if (job.made && spec_.open_again == OpenAgainBy::kOwnKeys) {
    RECRYPT_ASSIGN(const TrustedLabels trust, spec_.access->Trust(spec_.label));
    RECRYPT_ASSIGN(document,
                   Document::Open(file, job.made->keys.Clone(), trust, spec_.clock->NowSeconds()));
  } else {
    auto opened = OpenStored(grants, *spec_.clock, file);
    if (!opened) return Fail(opened.error(), "its document cannot be opened again");
    if (!(opened->about.expression == spec_.label)) {
      return Fail(ErrorCode::kExists, "a document of the label " + opened->about.expression.text() +
                                          " stands beside it: rename one of them");
    }
    document = std::move(opened->document);
  }
  FileContent plain(job.plain.get(), job.about.size);
  DocumentContent stored(*document);
  RECRYPT_ASSIGN(bool same, SameContent(plain, stored, ProgressOf()));
  const auto attributes = OwnAttributes(*document, job.document.get());
  if (!attributes && job.made) return Fail(attributes.error());
  same = same && attributes && *attributes == job.attributes;
  if (same) return {};
  if (!job.made) {
    return Fail(ErrorCode::kExists,
                "a document of its name stands beside it and holds something "
                "else: rename one of them, and run this again");
  }
  RECRYPT_TRY(job.CheckUnchanged());
  return Fail(ErrorCode::kCorrupt, "its document decrypts to something else: it was left plain");
}

Status Adopter::Replace(Job& job) {
  RECRYPT_ASSIGN(const WriteGuard guard, WriteGuard::Take(job.plain.get()));
  RECRYPT_TRY(job.CheckUnchanged());
  RECRYPT_TRY(GiveNames(job));
  RECRYPT_TRY(job.CheckUnchanged());
  if (guard.IsBroken()) return FailChanged();
  return RemovePlain(job);
}

// Promise: every name of the document is durable before the first plain one goes.
Status Adopter::GiveNames(Job& job) {
  if (!job.made && ::fsync(job.document.get()) != 0) return FailErrno(errno, "syncing it");
  std::set<std::string> directories;
  for (const AdoptFile::Name& name : job.file.names) {
    directories.insert(ParentOf(name.stored));
    struct stat now {};
    const bool has_it =
        ::lstat(name.stored.c_str(), &now) == 0 && IsSameFile(now, job.document_info);
    if (has_it) continue;
    RECRYPT_ASSIGN(const UniqueFd kept, spec_.keep_name(name.stored, NameIn(name.plain)));
    if (job.output) {
      if (Status named = job.output->TakeName(); !named) return FailToMake(named.error(), name);
      job.output.reset();
      job.stored = name.stored;
    } else if (::link(job.stored.c_str(), name.stored.c_str()) != 0) {
      return FailToMake(FailErrno(errno, "").value(), name);
    }
    job.given.push_back(name.stored);
  }
  for (const std::string& directory : directories) {
    RECRYPT_TRY(SyncDirectoryOf(directory + "/", &sync_));
  }
  return {};
}

Status Adopter::RemovePlain(Job& job) {
  for (const AdoptFile::Name& name : job.file.names) {
    if (::unlink(name.plain.c_str()) != 0) return FailErrno(errno, "removing it");
    job.given.clear();  // from here on the document is what there is
  }
  return {};
}

Progress Adopter::ProgressOf() {
  if (!spec_.progress) return {};
  return [this, last = uint64_t{0}](uint64_t done) mutable {
    spec_.progress(done - std::min(last, done));
    last = std::max(last, done);
  };
}

}  // namespace recrypt
