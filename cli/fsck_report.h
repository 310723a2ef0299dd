// What `recryptfs fsck` says: each document's report as text and JSON, the counts, and the exit
// status that they come to.
//
//   FsckSummary summary;
//   ShowDocument(out, checked, repair, Detail::kProblems);
//   summary.Count(checked, repair);
//   ShowSummary(out, summary);
//   return summary.Status();
//
// Not thread safe.
#ifndef RECRYPT_CLI_FSCK_REPORT_H_
#define RECRYPT_CLI_FSCK_REPORT_H_

#include "cli/exit_codes.h"
#include "cli/output.h"
#include "client/document_repair.h"

namespace recrypt {

enum class Detail {
  kQuiet,     // damage, and what could not be checked
  kProblems,  // and what is harmless
  kAll,       // and what is good
};

// What became of a repair that was asked for.
struct RepairOutcome {
  std::optional<Repair> repair;
  std::optional<Error> failure;
  bool repaired() const { return repair && !repair->done.empty(); }
};

struct FsckSummary {
  uint64_t documents = 0;
  uint64_t good = 0;        // empty and unfinished ones too: nothing is lost
  uint64_t unverified = 0;  // of these: not readable by this user, so checked without keys
  uint64_t damaged = 0;     // and not repaired
  uint64_t repaired = 0;    // and good now
  uint64_t busy = 0;
  uint64_t unchecked = 0;     // could not be read
  uint64_t unavailable = 0;   // services were not reachable
  uint64_t plain = 0;         // files that are no documents
  uint64_t leftovers = 0;     // temporary files
  uint64_t other_damage = 0;  // the share's own files

  // `checked` is how the document was left, after a repair the check behind it.
  void Count(const CheckedDocument& checked, const RepairOutcome* repair);
  // kOk: nothing is wrong, or what is wrong is harmless.
  ExitCode Exit() const;
};

// Names on a share may hold newlines, which other output leaves.
std::string InOneLine(std::string text);
void ShowDocument(Output& out, const CheckedDocument& checked, const RepairOutcome* repair,
                  Detail detail);
void ShowSummary(Output& out, const FsckSummary& summary);

}  // namespace recrypt

#endif  // RECRYPT_CLI_FSCK_REPORT_H_
