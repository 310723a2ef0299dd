#include "client/relabel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>

#include "client/document_check.h"
#include "client/document_files.h"
#include "client/file_attributes.h"
#include "client/label_keys.h"
#include "core/jcd/attributes.h"
#include "core/jcd/verify_all.h"

namespace recrypt {
namespace {

// As many grants as a request may ask for.
constexpr size_t kBatch = 256;
bool IsRecordless(uint64_t length) { return SizeFromStoredLength(length).has_value(); }

}  // namespace

// One document on its way.
struct Relabeler::Job {
  Relabelled about;
  std::shared_ptr<SharedSyncFile> file;
  struct stat before {};
  std::optional<Header> header;
  std::shared_ptr<const HeaderSpec> target;
  std::shared_ptr<const Author> author;
  std::optional<OpenedKeys> opened;
  bool wanted = false;  // a grant is needed, and something may have to be done
  // Sealed attributes that the next commit puts out of use.
  std::optional<std::string> old_attributes;

  int fd() const { return file->fd(); }
  void Fail(Error error) {
    if (!about.failure) about.failure = std::move(error);
    wanted = false;
  }
};

void Relabeler::Run(std::span<const std::string> paths, const Report& report) {
  const auto prepare = [&](size_t from) {
    const auto part = paths.subspan(from, std::min(kBatch, paths.size() - from));
    return std::async(std::launch::async, [this, part] { return Prepare(part); });
  };
  if (paths.empty()) return;
  std::future<Batch> next = prepare(0);
  for (size_t from = 0; from < paths.size(); from += kBatch) {
    Batch batch = next.get();
    // The service works out the grants of the next documents while these are written.
    if (from + kBatch < paths.size()) next = prepare(from + kBatch);
    Finish(batch);
    for (const auto& job : batch) report(job->about);
  }
}

// Reads the headers, and asks for grants where there is something to do.
Relabeler::Batch Relabeler::Prepare(std::span<const std::string> paths) {
  Batch batch;
  for (const std::string& path : paths) {
    batch.push_back(std::make_unique<Job>());
    batch.back()->about.path = path;
    if (Status looked = Look(*batch.back()); !looked) batch.back()->Fail(looked.error());
  }
  std::vector<const Header*> headers;
  std::vector<Job*> asking;
  for (const auto& job : batch) {
    if (!job->wanted) continue;
    headers.push_back(&*job->header);
    asking.push_back(job.get());
  }
  auto opened = spec_.access->OpenMany(headers, GrantUse::kOpen);
  for (size_t i = 0; i < asking.size(); ++i) {
    if (opened[i]) {
      asking[i]->about.data_keys = opened[i]->keys.keys.size();
      asking[i]->opened = std::move(*opened[i]);
    } else {
      asking[i]->Fail(std::move(opened[i].error()));
    }
  }
  return batch;
}

Status Relabeler::Look(Job& job) {
  const bool look = spec_.mode == RelabelMode::kLook;
  UniqueFd fd(::open(job.about.path.c_str(),
                     (look ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  job.about.empty = !fd && errno == ENOENT;  // removed or renamed by somebody who works there
  if (job.about.empty) return {};
  if (!fd) return FailErrno(errno, "opening it");
  if (::fstat(fd.get(), &job.before) != 0) return FailErrno(errno, "reading it");
  if (!S_ISREG(job.before.st_mode)) return recrypt::Fail(ErrorCode::kInvalid, "it is no file");
  job.file = std::make_shared<SharedSyncFile>(std::move(fd), sync_);
  RECRYPT_TRY(WaitUntilCreated(job.fd()));
  uint8_t first = 0;
  RECRYPT_ASSIGN(const size_t got, job.file->ReadAt(0, {&first, 1}));
  job.about.empty = got == 0 || first == 0;
  if (job.about.empty) return {};
  RECRYPT_ASSIGN(Header header, FirstHeader(*job.file));
  RECRYPT_TRY(Aim(job, header));
  job.header = std::move(header);
  // A commit of an earlier run that was ended is brought into place.
  const bool settled = IsRecordless(static_cast<uint64_t>(job.before.st_size));
  job.wanted = job.about.old_header || look || spec_.data == RelabelData::kRewrite || !settled;
  if (!job.wanted || look) return {};
  RECRYPT_ASSIGN(job.author, spec_.access->AuthorFor(job.target->expression));
  return {};
}

// What the document's header is to be under, and whether it is that.
Status Relabeler::Aim(Job& job, const Header& header) {
  RECRYPT_ASSIGN(job.target, SpecOf(spec_.to ? *spec_.to : header.expression));
  job.about.old_header = !IsUnder(header, *job.target);
  if (!job.about.old_header || spec_.to) return {};
  // Nothing goes back under an earlier key, should a label have got another one since this began.
  RECRYPT_ASSIGN(const bool learned, LearnLaterKeys(*spec_.profiles, header));
  if (!learned) return {};
  {
    const std::lock_guard guard(mutex_);
    specs_.erase(header.expression.text());
  }
  RECRYPT_ASSIGN(job.target, SpecOf(header.expression));
  job.about.old_header = !IsUnder(header, *job.target);
  return {};
}

Result<std::shared_ptr<const HeaderSpec>> Relabeler::SpecOf(const LabelExpression& expression) {
  const std::lock_guard guard(mutex_);
  const auto known = specs_.find(expression.text());
  if (known != specs_.end()) return known->second;
  const auto find = [&]() -> Result<std::shared_ptr<const HeaderSpec>> {
    RECRYPT_ASSIGN(HeaderSpec spec, SpecFor(*spec_.profiles, expression));
    return std::make_shared<const HeaderSpec>(std::move(spec));
  };
  return specs_.emplace(expression.text(), find()).first->second;
}

void Relabeler::Finish(Batch& batch) {
  std::vector<Job*> wanted;
  for (const auto& job : batch) {
    if (job->wanted && spec_.mode == RelabelMode::kChange) wanted.push_back(job.get());
  }
  ForEachTogether(wanted.size(), [&](size_t i) {
    if (Status changed = Change(*wanted[i]); !changed) wanted[i]->Fail(changed.error());
  });
  // Descriptors, and with them locks, go with the batch.
  for (const auto& job : batch) job->file.reset();
}

Status Relabeler::Change(Job& job) {
  RECRYPT_TRY(WaitForDocument(job.fd(), LockKind::kExclusive, spec_.lock_wait_ms));
  if (::fstat(job.fd(), &job.before) != 0) return FailErrno(errno, "reading it");
  // Promise: what has no name any more is not taken for the document that has its name now.
  if (job.before.st_nlink == 0) return recrypt::Fail(ErrorCode::kBusy, "it was replaced meanwhile");
  RECRYPT_ASSIGN(const std::unique_ptr<Document> document, Open(job));
  if (document->IsProvisional()) {
    // Promise: what a power cut has torn stays recognizable as that.
    const Status whole = VerifyAll(*document);
    job.about.empty = !whole && whole.error().code == ErrorCode::kCorrupt;
    if (job.about.empty) return {};
    RECRYPT_TRY(whole);
  }
  const Status changed = ChangeLocked(job, *document);
  // Promise: who reads the names and times of a share sees no change, as there is none of content.
  const struct timespec times[2] = {{0, UTIME_OMIT}, job.before.st_mtim};
  if (job.about.changed) (void)::futimens(job.fd(), times);  // refused to others than the owner
  return changed;
}

// By the header that was read before or, when somebody was quicker, by the one that is there now.
Result<std::unique_ptr<Document>> Relabeler::Open(Job& job) {
  const auto open = [&]() -> Result<std::unique_ptr<Document>> {
    return Document::Open(job.file, job.opened->keys.Clone(), job.opened->trust,
                          spec_.clock->NowSeconds());
  };
  auto document = open();
  if (document) return document;
  const ErrorCode code = document.error().code;
  if (code != ErrorCode::kStale && code != ErrorCode::kCorrupt) return document;
  RECRYPT_ASSIGN(const std::vector<Bytes> regions, ReadHeaderRegions(*job.file));
  for (const Bytes& region : regions) {
    auto header = ParseHeader(region);
    if (!header || header->digest == job.header->digest) continue;
    RECRYPT_ASSIGN(job.opened, spec_.access->Open(*header, GrantUse::kOpen));
    RECRYPT_TRY(Aim(job, *header));
    // It may be of another label than before.
    RECRYPT_ASSIGN(job.author, spec_.access->AuthorFor(job.target->expression));
    job.about.data_keys = job.opened->keys.keys.size();
    job.header = std::move(*header);
    document = open();
    if (document) break;
  }
  return document;
}

Status Relabeler::ChangeLocked(Job& job, Document& document) {
  if (job.about.old_header) {
    RECRYPT_TRY(ReplaceHeader(job, document, KeepKeys::kAll, FreshKey::kAdd));
  } else if (document.HasRecords()) {
    RECRYPT_TRY(document.Apply());
  }
  if (spec_.data == RelabelData::kFollows || job.about.data_keys == 1) return {};
  RECRYPT_TRY(MakeRoom(job, document, job.author.get()));
  return ReplaceHeader(job, document, KeepKeys::kNewest, FreshKey::kNone);
}

// All content and attributes go under the newest data key.
Status Relabeler::MakeRoom(Job& job, Document& document, const Author* author) {
  RECRYPT_TRY(ResealAttributes(job, document));
  RECRYPT_TRY(RewriteContent(document, author));
  job.about.changed = true;
  if (!job.old_attributes) return {};
  // Promise: the trailer that names the new attributes is durable before the old ones go.
  RECRYPT_TRY(job.file->SyncData());
  (void)::fremovexattr(job.fd(), job.old_attributes->c_str());  // left over otherwise, and known
  job.old_attributes.reset();
  return {};
}

Status Relabeler::ResealAttributes(Job& job, Document& document) {
  const Sha256Digest digest = document.AttributesDigest();
  if (digest == Sha256Digest{}) return {};
  RECRYPT_ASSIGN(const Bytes old, ReadSealedAttributes(job.fd(), digest));
  RECRYPT_ASSIGN(const Attributes attributes, document.OpenAttributes(old));
  RECRYPT_ASSIGN(const Bytes sealed, document.SealAttributes(attributes));
  const std::string name = SealedAttributesName(Sha256(sealed));
  if (::fsetxattr(job.fd(), name.c_str(), sealed.data(), sealed.size(), 0) != 0) {
    return FailErrno(errno, "sealing its attributes anew");
  }
  // Promise: a trailer that is there names attributes that are there.
  if (::fsync(job.fd()) != 0) return FailErrno(errno, "syncing its attributes");
  document.SetAttributes(Sha256(sealed));
  job.old_attributes = SealedAttributesName(digest);
  return {};
}

Status Relabeler::ReplaceHeader(Job& job, Document& document, KeepKeys keep, FreshKey fresh) {
  RECRYPT_ASSIGN(auto made, Rewrap(*job.target, job.opened->keys, job.opened->name, keep, fresh));
  if (!made) {
    // Under the header that there is, of which its labels' readers know the writers.
    RECRYPT_ASSIGN(const auto author, spec_.access->AuthorFor(job.header->expression));
    RECRYPT_TRY(MakeRoom(job, document, author.get()));
    RECRYPT_ASSIGN(
        made, Rewrap(*job.target, job.opened->keys, job.opened->name, KeepKeys::kNewest, fresh));
  }
  DocumentKeys keys = made->Keys();
  RECRYPT_TRY(document.ReplaceHeader(made->header, std::move(made->keys)));
  RECRYPT_TRY(Commit(job, document));
  job.about.data_keys = keys.keys.size();
  job.about.old_header = false;
  job.opened->keys = std::move(keys);
  return {};
}

Status Relabeler::Commit(Job& job, Document& document) {
  RECRYPT_TRY(document.Commit(job.author.get(), Durability::kVisible));
  job.about.changed = true;
  return document.Apply();
}

}  // namespace recrypt
