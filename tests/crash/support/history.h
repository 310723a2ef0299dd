// History: what a program did in a mount, and what it may find there after a crash.
//
//   History history;
//   const int document = history.Make("a.txt", log.Count());   // then create it
//   history.Write(document, content, log.Count());             // then write it
//   history.Synced(document, log.Count());                     // once fsync has returned
//   std::string wrong = history.Check(found, cut, Crash::kPowerCut);   // "" when all is well
//
// Positions count the operations of a StoreLog: a change begins at the count before its call, a
// promise holds from the count after it. The program does one thing at a time. Not thread safe.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_HISTORY_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_HISTORY_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/crash/support/recovered.h"

namespace recrypt {

enum class Crash {
  kKilled,    // the process that serves: the share has everything that it had done
  kPowerCut,  // the machine: the share has what was synced, and anything of the rest
};

class History {
 public:
  History();

  // -- Before the call.
  int Make(const std::string& path, size_t begun);
  void MakeDirectory(const std::string& path, size_t begun);
  void Write(int document, const std::string& content, size_t begun);
  void SetXattr(int document, const std::string& name, const std::string& value, size_t begun);
  // Over an existing name what is renamed is durable: the name never leads to less.
  void Rename(const std::string& from, const std::string& to, size_t begun);
  // A rename for which the mount makes a durable copy first: for a while both names are there.
  // Returns the copy.
  int RenameByCopy(const std::string& from, const std::string& to, size_t begun);
  void Exchange(const std::string& a, const std::string& b, size_t begun);
  void Link(const std::string& from, const std::string& to, size_t begun);
  void Remove(const std::string& path, size_t begun);

  // -- Once it has returned.
  void NamesDone(size_t at);             // the last change of names
  void Closed(int document, size_t at);  // complete: no crash of the process takes it away
  void Synced(int document, size_t at);  // durable
  void SyncedNames(const std::string& directory, size_t at);

  int DocumentAt(const std::string& path) const;
  const std::string& ContentOf(int document) const { return documents_[Index(document)].content; }

  // What is wrong with what was found, when the first `cut` operations were done on the share.
  std::string Check(const FoundTree& found, size_t cut, Crash crash) const;

 private:
  struct Version {
    FoundThing what;
    size_t begun = 0;
  };
  // From `at` on no version before `version` is found.
  struct Promise {
    size_t version = 0;
    size_t at = 0;
    bool durable = false;
  };
  struct Document {
    std::string content = {};
    std::vector<Version> versions = {};
    std::vector<Promise> promises = {};
    size_t made = 0;  // the state of names that has it first
  };
  // All names, from one change to the next; a directory is kDirectory.
  struct Names {
    std::map<std::string, int> names = {};
    size_t begun = 0;
    std::optional<size_t> done = {};
    std::vector<std::string> directories = {};         // in which it differs from the one before
    std::optional<std::pair<int, size_t>> needs = {};  // a document, and its version
  };
  struct NamesPromise {
    size_t state = 0;
    size_t at = 0;
  };
  static constexpr int kDirectory = -1;

  static size_t Index(int document) { return static_cast<size_t>(document); }
  Names& Change(size_t begun, const std::vector<std::string>& paths);
  std::string CheckNames(const Names& names, const FoundTree& found) const;
  std::string CheckContents(size_t state, const FoundTree& found, size_t cut, Crash crash) const;
  size_t OldestNames(size_t cut, Crash crash) const;

  std::vector<Document> documents_;
  std::vector<Names> states_;
  std::vector<NamesPromise> names_promises_;
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_HISTORY_H_
