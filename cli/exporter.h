// Exporter: the documents below one path of a share as plain files in another directory, with all
// else that lies there, as a mount shows it.
//
//   Exporter exporter({access.get(), &clock, "/backup", line, unit}, failures);
//   RECRYPT_TRY(exporter.Run("/srv/share/Accounting"));
//   exporter.totals().documents
//
// Never replaces anything: what is there already and holds the same counts as done, so that a run
// that was ended goes on with the next. What cannot be decrypted leaves nothing behind. Grants are
// asked for by the batch, syncs are shared. Memory: the names of directories, and of files that
// have several. Not thread safe.
#ifndef RECRYPT_CLI_EXPORTER_H_
#define RECRYPT_CLI_EXPORTER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/failures.h"
#include "cli/progress.h"
#include "cli/share_walk.h"
#include "client/brought_grants.h"
#include "client/document_files.h"

namespace recrypt {

struct ExportTotals {
  uint64_t documents = 0;  // that became plain files
  uint64_t plain = 0;      // files that were plain before
  uint64_t there = 0;      // and what was exported before
  uint64_t links = 0;      // symbolic ones, and further names of files
  uint64_t directories = 0;
  uint64_t special = 0;  // FIFOs, sockets, devices: passed over
  uint64_t bytes = 0;
  uint64_t owners_changed = 0;
  uint64_t failed = 0;
};

struct ExportSpec {
  Access* access = nullptr;      // never null
  const Clock* clock = nullptr;  // never null
  std::string to;                // a directory
  bool made_to = false;          // and it gets what belongs to the one that is exported
  ProgressLine* line = nullptr;  // never null
  ProgressUnit unit = ProgressUnit::kPieces;
};

class Exporter {
 public:
  Exporter(ExportSpec spec, Failures& failures) : spec_(std::move(spec)), failures_(failures) {}

  // A directory with all below, or one document. Failures of single files go to `failures`.
  Status Run(const std::string& root);
  const ExportTotals& totals() const { return totals_; }

 private:
  enum class Kind { kDocument, kPlain };
  struct Job {
    Kind kind;
    std::string from, to;
    struct stat info {};
    std::optional<Error> failure = std::nullopt;
    std::optional<Error> lost_attributes = std::nullopt;
    bool was_there = false;
    OwnerKept owner = OwnerKept::kYes;
    uint64_t size = 0;
  };
  struct Moved {
    std::string from, to;
  };
  struct Link {
    std::pair<dev_t, ino_t> file;
    std::string from, to;
  };

  Status Take(const ShareFile& file);
  void TakeDirectory(const ShareFile& file);
  void TakeSymlink(const std::string& path);
  Status TakeFile(const ShareFile& file, Kind kind, const std::string& shown);
  // Where what is shown under this path goes; empty when its directory could not be made.
  std::string PlaceOf(const std::string& shown) const;
  Status Flush();
  Status One(Job& job, Access& grants);
  Status Decrypt(Job& job, Access& grants, const Progress& progress);
  Status CopyPlain(Job& job, const Progress& progress);
  void Count(const Job& job);
  void MakeLinks();
  void FinishDirectories();

  const ExportSpec spec_;
  Failures& failures_;
  SharedSync sync_;
  ExportTotals totals_;
  std::map<std::string, std::string> folders_;  // where each directory of the share goes
  std::vector<Moved> directories_;              // in the order of the walk
  std::vector<Job> jobs_;
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;  // of files with several
  std::vector<Link> links_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLI_EXPORTER_H_
