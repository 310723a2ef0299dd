// Checking a stored document: what of it is as docs/FORMAT.md says, and what is not.
//
//   RECRYPT_ASSIGN(DocumentStart start, ReadDocumentStart(file));
//   CheckReport report;
//   RECRYPT_ASSIGN(auto state, CheckState(file, start.headers[0], keys, report));
//   if (state) RECRYPT_TRY(CheckContent(file, *state, start.headers[0].uid, keys, {}, report));
//
// Without keys nothing is authenticated, but for digests nearly all is: each table, index block and
// block has one, so that whatever decays is found by everybody. Reads only. Memory is bounded
// whatever the file holds, time by the bytes that it has outside of holes. Thread safe for
// different reports.
#ifndef RECRYPT_CORE_JCD_CHECK_H_
#define RECRYPT_CORE_JCD_CHECK_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/jcd/authorship.h"
#include "core/jcd/recovery.h"

namespace recrypt {

enum class Part {
  kLength,
  kHeader,
  kSlots,  // the framing of the data
  kTrailer,
  kSignature,
  kAttributes,  // the sealed ones, kept beside the file
  kRecord,
  kFooter,
  kEnd,  // what stands behind it
  kIndex,
  kTable,
  kBlock,
};
std::string_view PartName(Part part);

// kNone: readers read past it, and the next writer puts it right.
enum class Harm { kNone, kDamage };

// Bytes of content, first to end.
struct ContentRange {
  uint64_t first = 0;
  uint64_t end = 0;
};

struct Finding {
  Part part;
  Harm harm;
  std::string what;
  std::optional<ContentRange> content;  // that cannot be read because of it
};

// Bytes of the stored file that can be told from others that were verified.
struct Mend {
  uint64_t offset;
  Bytes bytes;
};

enum class Condition {
  kGood,
  kEmpty,       // length 0: nothing was ever committed
  kUnfinished,  // a creation that did not finish: reads as empty
  kDamaged,
  kNoDocument,
};
std::string_view ConditionName(Condition condition);

struct CheckReport {
  static constexpr size_t kMaxFindings = 1000;
  static constexpr size_t kMaxMends = 256;

  Condition condition = Condition::kGood;
  uint64_t stored = 0;  // bytes of the file
  uint64_t size = 0;    // of the content, and the generation, of the state that was found
  uint64_t generation = 0;
  bool authenticated = false;    // the trailer and its signatures
  bool content_checked = false;  // all of it
  Authorship authorship;
  std::vector<Finding> findings;  // the first kMaxFindings
  uint64_t more_findings = 0;
  uint64_t unreadable = 0;  // bytes of content
  uint64_t counted_to = 0;  // of the content: findings come in rising order, and may overlap

  // What a repair may do to a state that is authenticated.
  bool records_wait = false;
  std::optional<uint64_t> cut_to;  // nothing but leftovers stands behind
  std::vector<Mend> mends;

  void Add(Part part, Harm harm, std::string what, std::optional<ContentRange> content = {});
  // A file that should be a document and is none was one before, as far as anybody knows.
  bool damaged() const {
    return condition == Condition::kDamaged || condition == Condition::kNoDocument;
  }
};

enum class Encoding {
  kEmpty,
  kZeros,    // where the header would be, and no trailer: nothing was ever committed
  kBinary,   // that of docs/FORMAT.md, 1
  kOther,    // JSON, JSON-B or JSON-C: read as a whole
  kUnknown,  // no document
};
struct DocumentStart {
  Encoding encoding = Encoding::kEmpty;
  std::vector<Header> headers;  // those to try, newest first
  std::string refusal;          // why there are none
  std::optional<Mend> mend;     // of what stands around the header's text in the file
};
// What a larger file in another encoding is, is not told.
constexpr uint64_t kMaxOtherEncoding = uint64_t{16} << 20;
Result<DocumentStart> ReadDocumentStart(StoredFile& file);

struct CheckKeys {
  const DataKeys& keys;
  const LabelExpression& expression;
  const TrustedLabels& trust;
  int64_t now;  // as for Document::Open
};

// The last state of a document of the binary layout, with what is to be said of its trailer,
// records, framing and end; nothing when there is none, which is then in the report. `keys` may be
// null. kStale: try the next header; kIo.
Result<std::optional<StoredState>> CheckState(StoredFile& file, const Header& header,
                                              const CheckKeys* keys, CheckReport& report);
// After CheckState with `header`, an element of start.headers: if that is only to be read once what
// stands around it is mended, says so.
void AddHeaderMend(const DocumentStart& start, const Header& header, CheckReport& report);
// For a file without a header that can be read.
Status CheckWithoutHeader(StoredFile& file, const DocumentStart& start, CheckReport& report);

struct ContentOptions {
  // Looks at nothing else; empty: at everything. In rising order.
  std::vector<ContentRange> only;
  // Bytes of content done so far; false ends the check with kBusy.
  std::function<bool(uint64_t)> progress;
};
// Every index block, table and block of a state. Holes cost nothing.
Status CheckContent(StoredFile& file, const StoredState& state, const DocumentId& uid,
                    const CheckKeys* keys, const ContentOptions& options, CheckReport& report);

}  // namespace recrypt

#endif  // RECRYPT_CORE_JCD_CHECK_H_
