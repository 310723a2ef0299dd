// Output: the one way in which a command speaks: text for people, or JSON when `--json` was given.
//
//   out.Line("created " + label);                 // text only
//   out.Note("encrypted to Accounting#x");        // text on standard error
//   out.Object({{"label", label}});               // JSON only, one value on a line
//   Table table({"LABEL", "LEASE"}); table.Row({...});
//   out.List(table, items, "No labels yet.");
//
// Not thread safe.
#ifndef RECRYPT_CLI_OUTPUT_H_
#define RECRYPT_CLI_OUTPUT_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/json/json.h"

namespace recrypt {

// Columns as wide as their widest cell, two blanks apart.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void Row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.size() < 2; }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

enum class OutputForm { kText, kJson };

// Which of the two streams may be painted on.
struct Colours {
  bool out = false;
  bool err = false;

  // Terminals that can, unless NO_COLOR is set (no-color.org).
  static Colours OfThisProcess();
};

class Output {
 public:
  Output(std::ostream& out, std::ostream& err, OutputForm form, Colours colours = {})
      : out_(out), err_(err), form_(form), colours_(colours) {}

  bool json() const { return form_ == OutputForm::kJson; }
  void Line(std::string_view text);
  void Note(std::string_view text);  // nothing with --json
  void Lines(const Table& table);
  void Object(const Json& value);
  // A table for people and `items` for programs; of an empty one people get a sentence.
  void List(const Table& table, const Json& items, std::string_view when_empty);

  // For a terminal, as it is; nothing with --json.
  void Control(std::string_view sequence);

  // `recryptfs: <message>`, or {"error":{"code":…,"message":…,"exit":…,"advice":…}}, on standard
  // error.
  void Failure(const Error& error);
  // The same, for what ends a command: with what to do about it, unless the message names a command
  // for that.
  void LastFailure(const Error& error);

  // False when standard output could not take it all, a full disk for one.
  bool Flush();

 private:
  std::ostream& out_;
  std::ostream& err_;
  OutputForm form_;
  const Colours colours_;
};

// What a terminal might take for a command comes out as '?': names on a share are anybody's.
std::string Printable(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CLI_OUTPUT_H_
