// The draft's spellings: `recrypt /newgroup NAME` and its fellows (the draft, 4), as verbs.
//
//   TranslateDraftSpelling({"/encrypt", "privatealice@example.com", "test.txt"});
//     // {"encrypt", "privatealice@example.com", "test.txt"}
//
// Thread safe.
#ifndef RECRYPT_CLI_DRAFT_SPELLINGS_H_
#define RECRYPT_CLI_DRAFT_SPELLINGS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace recrypt {

struct DraftSpelling {
  std::string_view draft;  // without the slash, which may be written or left out
  std::string_view verb;   // words separated by blanks
};
std::span<const DraftSpelling> DraftSpellings();

// `arguments` are those behind the program's name. What is no spelling of the draft's is left as it
// is, so that `recrypt` takes every verb of `recryptfs` too.
std::vector<std::string> TranslateDraftSpelling(std::vector<std::string> arguments);

}  // namespace recrypt

#endif  // RECRYPT_CLI_DRAFT_SPELLINGS_H_
