// What `adopt` finds in a tree before it begins: how much there is to do, which files have several
// names, and what stands where a document has to.
//
//   RECRYPT_ASSIGN(AdoptSurvey survey, SurveyTree(root, unreadable));
//   RECRYPT_TRY(MakeWay(survey, policy_paths));
//   RECRYPT_TRY(ForEachPlainFile(root, survey, unreadable, [&](AdoptFile file, uint64_t size) …));
//
// Memory: the names of files with several names, and of the directories on the way. Thread safe.
#ifndef RECRYPT_CLI_ADOPT_SURVEY_H_
#define RECRYPT_CLI_ADOPT_SURVEY_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/share_walk.h"
#include "client/adopt.h"

namespace recrypt {

struct AdoptSurvey {
  uint64_t files = 0;  // plain ones
  uint64_t bytes = 0;  // in them
  uint64_t largest = 0;
  uint64_t documents = 0;     // that are there
  uint64_t stored_bytes = 0;  // in them
  uint64_t beside = 0;        // of the files: a document of their name stands beside them already
  uint64_t left_behind = 0;   // by commands that did not finish
  // All names of the files that have several.
  std::map<std::pair<dev_t, ino_t>, std::vector<std::string>> names;
  // Directories and the like that have the name which a document beside them is to be stored under;
  // those that lie deeper stand later.
  std::vector<std::string> in_the_way;
};

// The walk goes on behind directories that cannot be read, which `unreadable` is told of.
Result<AdoptSurvey> SurveyTree(const std::string& root, const ShareWalk::Unreadable& unreadable);

// Gives what stands in the way the name that it would have been stored under by a mount, which
// shows it as before (docs/FORMAT.md, 11). kExists when that is taken.
Status MakeWay(const std::string& in_the_way);

// Every plain file once, with all its names that the survey found.
using TakePlainFile = std::function<Status(AdoptFile file, uint64_t size)>;
Status ForEachPlainFile(const std::string& root, const AdoptSurvey& survey,
                        const ShareWalk::Unreadable& unreadable, const TakePlainFile& take);

}  // namespace recrypt

#endif  // RECRYPT_CLI_ADOPT_SURVEY_H_
