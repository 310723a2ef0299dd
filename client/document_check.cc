#include "client/document_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "client/file_attributes.h"
#include "client/stored_file_fd.h"
#include "core/jcd/attributes.h"
#include "core/jcd/stream.h"

namespace recrypt {
namespace {

constexpr int kAttempts = 4;
constexpr unsigned kThreads = 4;

struct Keys {
  DataKeys keys;
  LabelExpression expression;
  TrustedLabels trust;
  int64_t lease_end_ms;
  std::string name;
};

// The names under which sealed attributes are kept; none where the file system has no attributes.
Result<std::vector<std::string>> SealedAttributesOf(int fd) {
  RECRYPT_ASSIGN(std::vector<std::string> names, XattrNames(fd));
  std::erase_if(names,
                [](const std::string& name) { return !name.starts_with(kSealedAttributesPrefix); });
  return names;
}

// Nothing that somebody else's writing could look like.
bool IsBeyondDoubt(const CheckReport& report) {
  if (report.damaged() || report.condition == Condition::kUnfinished) return false;
  return std::all_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
    return finding.part == Part::kRecord && finding.harm == Harm::kNone;
  });
}

}  // namespace

std::vector<ContentRange> DamagedContent(const CheckReport& report) {
  std::vector<ContentRange> ranges;
  for (const Finding& finding : report.findings) {
    if (!finding.content || finding.content->first == finding.content->end) continue;
    const bool joins = !ranges.empty() && finding.content->first <= ranges.back().end;
    if (joins) {
      ranges.back().end = std::max(ranges.back().end, finding.content->end);
    } else {
      ranges.push_back(*finding.content);
    }
  }
  if (report.more_findings > 0 && !ranges.empty()) return {{ranges.front().first, report.size}};
  return ranges;
}

namespace {

// One look at one document, as it is now.
class Look {
 public:
  Look(const CheckSpec& spec, FdStoredFile& file) : spec_(spec), file_(file) {}

  // Grants that were asked for already.
  void Bring(const Header& header, Result<OpenedKeys> opened) {
    brought_digest_ = header.digest;
    brought_.emplace(std::move(opened));
  }

  // With `only`, what of the content lies there; `depth` says whether any does.
  Status Run(CheckDepth depth, const std::vector<ContentRange>& only) {
    report = {};
    refused.reset();
    trailer.reset();
    old_attributes.clear();
    RECRYPT_ASSIGN(const DocumentStart start, ReadDocumentStart(file_));
    encoding = start.encoding;
    if (start.headers.empty()) return CheckWithoutHeader(file_, start, report);
    label = start.headers.front().expression.text();
    if (encoding == Encoding::kOther) return CheckOther(start.headers.front(), depth);
    Error stale{ErrorCode::kStale, "the document's header was replaced", 0};
    bool any = false;
    for (const Header& header : start.headers) {
      CheckReport of_this;
      std::optional<Keys> keys = KeysOf(header, of_this);
      const auto checked = View(keys);
      auto state = CheckState(file_, header, checked ? &*checked : nullptr, of_this);
      if (!state && state.error().code == ErrorCode::kStale) continue;
      if (!state) return Fail(std::move(state.error()));
      if (!any || *state) report = std::move(of_this);
      any = true;
      if (!*state) continue;
      label = header.expression.text();
      if (keys) name = keys->name;
      trailer = (*state)->trailer;
      AddHeaderMend(start, header, report);
      RECRYPT_TRY(CheckAttributes(**state, keys));
      if (depth == CheckDepth::kFrame) return {};
      return Content(**state, header, std::move(keys), only);
    }
    if (!any) return Fail(std::move(stale));
    return {};
  }

  CheckReport report;
  Encoding encoding = Encoding::kEmpty;
  std::string label, name;
  std::optional<Error> refused;
  std::optional<TrailerBytes> trailer;  // of the state that was found
  std::optional<OpenedKeys> opened;     // what opened it
  std::vector<std::string> old_attributes;

 private:
  std::optional<CheckKeys> View(const std::optional<Keys>& keys) const {
    if (!keys) return std::nullopt;
    return CheckKeys{keys->keys, keys->expression, keys->trust, spec_.clock->NowSeconds()};
  }

  int64_t NowMs() const { return spec_.clock->MonotonicMillis(); }

  Result<OpenedKeys> OpenAgain(const Header& header) {
    if (brought_ && brought_digest_ == header.digest) {
      Result<OpenedKeys> brought = std::move(*brought_);
      brought_.reset();
      if (!brought || NowMs() < brought->lease_end_ms) return brought;
    }
    return spec_.access->Open(header, GrantUse::kOpen);
  }

  // Nothing without a grant: the document is then checked without keys.
  std::optional<Keys> KeysOf(const Header& header, CheckReport& to) {
    if (spec_.access == nullptr) return std::nullopt;
    auto granted = OpenAgain(header);
    if (granted) {
      opened = OpenedKeys{granted->keys.Clone(), granted->name, granted->trust,
                          granted->lease_end_ms, granted->first_use};
      auto keys = DataKeys::Make(header.uid, std::move(granted->keys.keys));
      if (keys) {
        return Keys{std::move(*keys), granted->keys.expression, std::move(granted->trust),
                    granted->lease_end_ms, std::move(granted->name)};
      }
      granted = Fail(std::move(keys.error()));
    }
    if (granted.error().code == ErrorCode::kCorrupt) {
      to.Add(Part::kHeader, Harm::kDamage, granted.error().message);
    } else {
      refused = std::move(granted.error());
    }
    return std::nullopt;
  }

  // The sealed attributes that the trailer names, and those that a change left behind.
  Status CheckAttributes(const StoredState& state, const std::optional<Keys>& keys) {
    RECRYPT_ASSIGN(const auto names, SealedAttributesOf(file_.fd()));
    const Sha256Digest& digest = state.fields.attributes;
    const std::string named = SealedAttributesName(digest);
    const bool any = digest != Sha256Digest{};
    if (any) {
      Bytes sealed(kMaxSealedAttributes);
      const ssize_t size = ::fgetxattr(file_.fd(), named.c_str(), sealed.data(), sealed.size());
      if (size < 0 && errno != ENODATA && errno != EOPNOTSUPP && errno != ERANGE) {
        return FailErrno(errno, "reading its extended attributes");
      }
      sealed.resize(size < 0 ? 0 : static_cast<size_t>(size));
      const bool found = size >= 0 && Sha256(sealed) == digest;
      const bool opens = found && (!keys || OpenAttributes(sealed, keys->keys));
      if (!opens) {
        report.Add(Part::kAttributes, Harm::kDamage,
                   size < 0 ? "its sealed attributes are missing"
                            : "its sealed attributes are not those that the trailer names");
      }
    }
    for (const std::string& name : names) {
      if (!any || name != named) old_attributes.push_back(name);
    }
    if (!old_attributes.empty()) {
      report.Add(Part::kAttributes, Harm::kNone,
                 "sealed attributes from before a change were left beside it");
    }
    return {};
  }

  Status Content(const StoredState& state, const Header& header, std::optional<Keys> keys,
                 std::vector<ContentRange> only) {
    const bool all = only.empty();
    uint64_t done = 0;
    for (;;) {
      ContentOptions options;
      options.only = only;
      bool lease_over = false;
      options.progress = [&](uint64_t at) {
        if (spec_.progress) spec_.progress(at - std::min(done, at));
        done = std::max(done, at);
        lease_over = keys && NowMs() >= keys->lease_end_ms;
        return !lease_over;
      };
      const auto view = View(keys);
      Status checked =
          CheckContent(file_, state, header.uid, view ? &*view : nullptr, options, report);
      if (!checked && !lease_over) return checked;
      if (checked || done >= state.fields.size) break;
      keys = KeysOf(header, report);
      if (all) only = {{0, state.fields.size}};
      std::erase_if(only, [&](const ContentRange& range) { return range.end <= done; });
      for (ContentRange& range : only) range.first = std::max(range.first, done);
      if (only.empty()) break;
    }
    report.content_checked = all;
    return {};
  }

  // In another encoding a document is read as a whole, or not at all.
  Status CheckOther(const Header& header, CheckDepth depth) {
    RECRYPT_ASSIGN(report.stored, file_.Size());
    if (KeysOf(header, report); !opened || depth == CheckDepth::kFrame || report.damaged())
      return {};
    Bytes stored(report.stored);
    RECRYPT_ASSIGN(const size_t got, file_.ReadAt(0, stored));
    stored.resize(got);
    const auto opener = [&](const Header&) -> Result<OpenedDocument> {
      return OpenedDocument{{header.uid, opened->name, "", opened->keys.Clone().keys},
                            opened->trust};
    };
    auto content = ReadWholeDocument(stored, opener, spec_.clock->NowSeconds());
    if (!content && content.error().code == ErrorCode::kIo) return Fail(content.error());
    name = opened->name;
    if (!content) {
      report.Add(Part::kBlock, Harm::kDamage, content.error().message);
      return {};
    }
    report.size = content->size();
    report.authenticated = true;
    report.content_checked = true;
    Wipe(*content);
    if (spec_.progress) spec_.progress(report.size);
    return {};
  }

  const CheckSpec& spec_;
  FdStoredFile& file_;
  Sha256Digest brought_digest_{};
  std::optional<Result<OpenedKeys>> brought_;
};

struct Opened {
  std::shared_ptr<FdStoredFile> file;
  int fd = -1;
  std::optional<Header> header;  // what a grant is asked for with
};

Result<Opened> OpenToCheck(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return FailErrno(errno, "opening it");
  if (!S_ISREG(info.st_mode)) return Fail(ErrorCode::kInvalid, "it is no regular file");
  Opened opened;
  opened.fd = fd.get();
  opened.file = std::make_shared<FdStoredFile>(std::move(fd));
  return opened;
}

// Looks until what is seen cannot be somebody's writing.
class OneDocument {
 public:
  OneDocument(const CheckSpec& spec, Opened& opened, Look& look, CheckedDocument& to)
      : spec_(spec), opened_(opened), look_(look), to_(to) {}

  void Run() {
    const Status done = Settle();
    if (!done) to_.failure = done.error();
    to_.report = std::move(look_.report);
    to_.label = std::move(look_.label);
    to_.name = std::move(look_.name);
    to_.refused = std::move(look_.refused);
  }

 private:
  Status Settle() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Status first = look_.Run(spec_.depth, {});
      const bool doubtful = first ? !IsBeyondDoubt(look_.report)
                                  : first.error().code == ErrorCode::kStale ||
                                        first.error().code == ErrorCode::kCorrupt;
      if (!doubtful) return first;
      RECRYPT_TRY(WaitForDocument(opened_.fd, LockKind::kShared, spec_.lock_wait_ms));
      const auto settled = LookLocked(first.has_value());
      UnlockDocument(opened_.fd);
      if (!settled) return Fail(settled.error());
      if (*settled) return {};
    }
    return Fail(ErrorCode::kBusy, "somebody writes it again and again");
  }

  // Whether it is as it was at the first look: then that saw no writing.
  Result<bool> LookLocked(bool comparable) {
    const auto before = look_.trailer;
    const bool content = look_.report.content_checked;
    const std::vector<ContentRange> damaged = DamagedContent(look_.report);
    const bool deep = spec_.depth == CheckDepth::kContent && before && !damaged.empty();
    RECRYPT_TRY(look_.Run(deep ? CheckDepth::kContent : CheckDepth::kFrame, damaged));
    look_.report.content_checked = content && before;
    return comparable && before == look_.trailer;
  }

  const CheckSpec& spec_;
  Opened& opened_;
  Look& look_;
  CheckedDocument& to_;
};

}  // namespace

Status WaitForDocument(int fd, LockKind kind, int64_t wait_ms) {
  using std::chrono::milliseconds;
  using Steady = std::chrono::steady_clock;
  const auto deadline = Steady::now() + milliseconds(wait_ms);
  for (;;) {
    Status locked = TryLockDocument(fd, kind);
    if (locked || locked.error().code != ErrorCode::kBusy || Steady::now() >= deadline) {
      return locked;
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
}

Result<OpenedCheck> CheckLocked(const CheckSpec& spec, FdStoredFile& file,
                                const std::vector<ContentRange>& only) {
  Look look(spec, file);
  RECRYPT_TRY(look.Run(only.empty() ? CheckDepth::kFrame : CheckDepth::kContent, only));
  return OpenedCheck{std::move(look.report),        std::move(look.label),   std::move(look.name),
                     std::move(look.opened),        std::move(look.refused), look.encoding,
                     std::move(look.old_attributes)};
}

std::vector<CheckedDocument> DocumentChecker::Check(std::span<const std::string> paths) const {
  std::vector<CheckedDocument> checked(paths.size());
  std::vector<Opened> opened(paths.size());
  std::vector<std::unique_ptr<Look>> looks(paths.size());
  std::vector<size_t> asking;
  std::vector<const Header*> headers;
  for (size_t i = 0; i < paths.size(); ++i) {
    checked[i].path = paths[i];
    auto file = OpenToCheck(paths[i]);
    if (!file) {
      checked[i].failure = std::move(file.error());
      continue;
    }
    opened[i] = std::move(*file);
    looks[i] = std::make_unique<Look>(spec_, *opened[i].file);
    if (spec_.access == nullptr) continue;
    auto start = ReadDocumentStart(*opened[i].file);
    if (!start || start->headers.empty()) continue;
    opened[i].header = std::move(start->headers.front());
    asking.push_back(i);
  }
  for (const size_t i : asking) headers.push_back(&*opened[i].header);
  if (!headers.empty()) {
    auto granted = spec_.access->OpenMany(headers, GrantUse::kOpen);
    for (size_t n = 0; n < asking.size(); ++n) {
      looks[asking[n]]->Bring(*headers[n], std::move(granted[n]));
    }
  }
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < paths.size(); i = next++) {
      if (looks[i]) OneDocument(spec_, opened[i], *looks[i], checked[i]).Run();
    }
  };
  const size_t threads =
      std::min<size_t>({kThreads, std::max(1u, std::thread::hardware_concurrency()), paths.size()});
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return checked;
}

}  // namespace recrypt
