// Checking stored documents where they lie, beside whoever works with them (core/jcd/check.h).
//
//   DocumentChecker checker({access.get(), clock, CheckDepth::kContent});
//   for (const CheckedDocument& checked : checker.Check(paths)) ... checked.report ...
//
// Looks without a lock; what looks damaged is looked at again under the document's shared lock,
// which is held for no longer than that takes, so that a writer is not seen as damage. A lease that
// ends meanwhile is asked for again. Thread safe.
#ifndef RECRYPT_CLIENT_DOCUMENT_CHECK_H_
#define RECRYPT_CLIENT_DOCUMENT_CHECK_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/access.h"
#include "client/document_lock.h"
#include "client/stored_file_fd.h"
#include "core/base/clock.h"
#include "core/jcd/check.h"

namespace recrypt {

enum class CheckDepth {
  kFrame,    // header, trailer, records, framing
  kContent,  // and every block
};

struct CheckSpec {
  Access* access = nullptr;      // null: no grants are asked for
  const Clock* clock = nullptr;  // never null
  CheckDepth depth = CheckDepth::kContent;
  int64_t lock_wait_ms = 6000;
  // Bytes of content that were looked at since the last call; from several threads at once.
  std::function<void(uint64_t)> progress;
};

struct CheckedDocument {
  std::string path;
  // kBusy: somebody writes it all the time; kIo, kNotFound: it cannot be read. The report then says
  // nothing.
  std::optional<Error> failure;
  CheckReport report;
  std::string label;  // as its header says
  std::string name;   // as the document says, when there was a grant and it says any
  // Why it was checked without keys, when grants were asked for.
  std::optional<Error> refused;
};

class DocumentChecker {
 public:
  // So many are best given to Check at once: their grants are asked for in one request.
  static constexpr size_t kBatch = 64;

  explicit DocumentChecker(CheckSpec spec) : spec_(std::move(spec)) {}

  // In the order of `paths`; several documents at the same time.
  std::vector<CheckedDocument> Check(std::span<const std::string> paths) const;

 private:
  const CheckSpec spec_;
};

// Where content is damaged; all behind the first place when there are more than were kept.
std::vector<ContentRange> DamagedContent(const CheckReport& report);

// What a repair needs to know of a document that it has locked.
struct OpenedCheck {
  CheckReport report;
  std::string label;
  std::string name;
  std::optional<OpenedKeys> keys;  // when there was a grant
  std::optional<Error> refused;
  Encoding encoding = Encoding::kEmpty;
  std::vector<std::string> old_attributes;  // sealed ones that the trailer does not name any more
};
// Checks a document whose lock the caller holds; only `only` of its content, if that is not empty.
Result<OpenedCheck> CheckLocked(const CheckSpec& spec, FdStoredFile& file,
                                const std::vector<ContentRange>& only);

// The exclusive or shared lock, waiting so long for it; kBusy.
Status WaitForDocument(int fd, LockKind kind, int64_t wait_ms);

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_DOCUMENT_CHECK_H_
