// Forms and links: names and values as they stand in a query or in the body of a form
// (application/x-www-form-urlencoded).
//
//   RECRYPT_ASSIGN(WebTarget target, ParseTarget("/label?name=Board%23example.com"));
//   target.query.at("name");                                // "Board#example.com"
//   WriteTarget("/label", {{"name", "Board#example.com"}})  // and back
//
// Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_FORM_H_
#define RECRYPT_CLI_CONSOLE_FORM_H_

#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace recrypt {

using Form = std::map<std::string, std::string>;

// kInvalid for more than 32 fields, a name that comes twice, a broken escape, a NUL, and what is
// not UTF-8.
Result<Form> ParseForm(std::string_view encoded);

struct WebTarget {
  std::string path;  // as it stands there: ours have no escapes
  Form query;
};
// kInvalid for what does not begin with a slash, and by the query.
Result<WebTarget> ParseTarget(std::string_view target);
std::string WriteTarget(std::string_view path, const Form& query);

// The value, or nothing when there is none.
std::string FieldOf(const Form& form, const std::string& name);

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_FORM_H_
