// recryptfs review: grants that a label's policy holds until a supervisor has decided.
#include <array>
#include <charconv>

#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

std::string Text(const Json& item, std::string_view member) {
  return GetString(item, member).value_or(std::string());
}

std::string LocalTime(const Json& item, std::string_view member) {
  const auto seconds = ParseTime(Text(item, member));
  return seconds ? FormatLocalTime(*seconds) : "";
}

class ReviewList : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Flag("--all", &all_, "What is decided, too");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_ASSIGN(const Json reviews, LabelAdmin(*opened).Reviews(label));
    Table table({"ID", "STATE", "ACCOUNT", "DOCUMENT", "ASKED", "BY", "UNTIL"});
    Json listed = Json::array();
    for (const Json& one : reviews) {
      const std::string state = Text(one, "State");
      if (!all_ && state != "pending") continue;
      RECRYPT_ASSIGN(const uint64_t id, GetUint(one, "Id"));
      table.Row({std::to_string(id), state, Text(one, "Account"), Text(one, "Document"),
                 LocalTime(one, "Requested"), Text(one, "By"), LocalTime(one, "Until")});
      listed.push_back(one);
    }
    context.out.List(table, listed, "Nothing of " + label.text() + " waits for review.");
    return {};
  }

 private:
  std::string label_;
  bool all_ = false;
  PassphraseOptions passphrase_;
};

template <ReviewDecision kDecision>
class Decide : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Argument("ID", &id_, "Its number, as 'review list' shows it");
    options.Value("--for", "DURATION", &duration_,
                  "How long the decision holds; as long as the policy says unless given");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    uint64_t id = 0;
    const char* const end = id_.data() + id_.size();
    const auto parsed = std::from_chars(id_.data(), end, id);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return Fail(ErrorCode::kInvalid, "'" + id_ + "' is no number of a review");
    }
    uint32_t seconds = 0;
    if (!duration_.empty()) {
      RECRYPT_ASSIGN(seconds, ParseDuration(duration_));
    }
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(LabelAdmin(*opened).Decide(label, id, kDecision, seconds));
    const bool approved = kDecision == ReviewDecision::kApprove;
    context.out.Line(approved ? "Approved; the next open succeeds." : "Denied.");
    context.out.Object(
        {{"label", label.text()}, {"id", id}, {"decision", approved ? "approve" : "deny"}});
    return {};
  }

 private:
  std::string label_, id_, duration_;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"review list", "List what waits for a supervisor's decision",
         "recryptfs review list Board#example.com", MakeCommand<ReviewList>},
    Verb{"review approve", "Let a member open a document",
         "recryptfs review approve Board#example.com 3 --for 8h",
         MakeCommand<Decide<ReviewDecision::kApprove>>},
    Verb{"review deny", "Keep a member from opening a document",
         "recryptfs review deny Board#example.com 3", MakeCommand<Decide<ReviewDecision::kDeny>>},
};

}  // namespace

std::span<const Verb> ReviewVerbs() { return kVerbs; }

}  // namespace recrypt
