// Which files `encrypt` and `decrypt` read, and what they write.
//
//   RECRYPT_ASSIGN(auto jobs, PlanDocuments({Direction::kEncrypt, {"a.txt"}, "", false}));
//   // {{"a.txt", "a.txt.jcd"}}
//
// Thread safe.
#ifndef RECRYPT_CLI_DOCUMENT_PLAN_H_
#define RECRYPT_CLI_DOCUMENT_PLAN_H_

#include <string>
#include <vector>

#include "core/base/result.h"

namespace recrypt {

inline constexpr std::string_view kStandardStream = "-";

enum class Direction { kEncrypt, kDecrypt };
enum class Trees { kRefuse, kWalk };

struct DocumentRequest {
  Direction direction = Direction::kEncrypt;
  std::vector<std::string> files;  // or "-" alone
  std::string output;              // a file, a directory, "-", or empty: beside each file
  Trees trees = Trees::kRefuse;
};

struct DocumentJob {
  std::string from;  // "-": standard input
  std::string to;    // "-": standard output
};

// In trees, documents are left out when encrypting and all else when decrypting; links and special
// files always, and so are the sidecars of long names. Makes the directories that a tree needs
// below `output`. kInvalid for a directory without Trees::kWalk, for several files and one output
// file, and for a name without .jcd that says nothing about where to decrypt to.
Result<std::vector<DocumentJob>> PlanDocuments(const DocumentRequest& request);

}  // namespace recrypt

#endif  // RECRYPT_CLI_DOCUMENT_PLAN_H_
