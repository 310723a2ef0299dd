// Grants that wait for a supervisor, and what was decided.
#include <algorithm>
#include <array>
#include <charconv>

#include "cli/console/pages.h"
#include "cli/console/period_form.h"
#include "cli/quantities.h"
#include "client/label_admin.h"
#include "core/base/clock.h"

namespace recrypt {
namespace {

constexpr size_t kMaxDecided = 100;

std::string LocalTime(const Json& item, std::string_view member) {
  const auto seconds = ParseTime(RecordText(item, member));
  return seconds ? FormatLocalTime(*seconds) : "";
}

Html Buttons(const Desk& desk, const LabelName& label, const Json& review) {
  static constexpr std::array kHow = {FieldChoice{"", "as the policy says"},
                                      FieldChoice{"1h", "1 hour"}, FieldChoice{"8h", "8 hours"},
                                      FieldChoice{"1d", "1 day"}};
  Html choices;
  for (const FieldChoice& one : kHow) {
    choices += Fill("<option value=\"{}\">{}</option>", one.value, one.title);
  }
  const std::string id = RecordText(review, "Id");
  const std::string whose = " request " + id + " of " + RecordText(review, "Account");
  return desk.ChangeForm(
      "review", {{"name", label.text()}, {"id", id}},
      Fill("<div class=\"decide\"><select name=\"for\" aria-label=\"How long a decision about{} "
           "holds\">{}</select> <button name=\"decision\" value=\"approve\">Approve<span "
           "class=\"unseen\">{}</span></button> <button name=\"decision\" value=\"deny\" "
           "class=\"danger\">Deny<span class=\"unseen\">{}</span></button></div>\n",
           whose, choices, whose, whose));
}

struct Deciding {
  bool may = false;
  std::string account;  // one's own requests are for others
};

Html PendingTable(const Desk& desk, const LabelName& label, const std::vector<Json>& pending,
                  const Deciding& deciding) {
  if (pending.empty()) return Fill("<p>Nothing of {} waits for review.</p>\n", label.text());
  HtmlTable table{"Requests that wait", {"Number", "Account", "Document", "Asked", "Decision"}};
  for (const Json& one : pending) {
    const std::string account = RecordText(one, "Account");
    const bool own = account == deciding.account;
    table.rows.push_back(
        {Fill("{}", RecordText(one, "Id")), Fill("{}", account), Code(RecordText(one, "Document")),
         Fill("{}", LocalTime(one, "Requested")),
         deciding.may && !own ? Buttons(desk, label, one)
                              : Fill("{}", own ? "for another supervisor" : "for a supervisor")});
  }
  return table.html();
}

Html DecidedTable(const std::vector<Json>& decided) {
  if (decided.empty()) return Fill("<p>Nothing was decided yet.</p>\n");
  HtmlTable table{"Decisions", {"Number", "State", "Account", "Document", "By", "Until"}};
  for (size_t i = 0; i < decided.size() && i < kMaxDecided; ++i) {
    const Json& one = decided[i];
    table.rows.push_back({Fill("{}", RecordText(one, "Id")), Fill("{}", RecordText(one, "State")),
                          Fill("{}", RecordText(one, "Account")), Code(RecordText(one, "Document")),
                          Fill("{}", RecordText(one, "By")), Fill("{}", LocalTime(one, "Until"))});
  }
  return table.html();
}

Html Supervisors(const LabelPolicy& policy, bool own) {
  std::string names;
  for (const Principal& one : policy.review.supervisors) {
    names += (names.empty() ? "" : ", ") + one.account.text();
  }
  if (!policy.review.any()) return Fill("<p>Nothing of this label is held for review.</p>\n");
  if (own) return {};
  return Fill("<p class=\"note\">This account does not supervise the label. Who decides: {}.</p>\n",
              names);
}

}  // namespace

Result<Page> ReviewsPage(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  LabelAdmin admin(desk.client());
  RECRYPT_ASSIGN(const LabelProfile profile, admin.Show(label));
  RECRYPT_ASSIGN(const Json reviews, admin.Reviews(label));
  std::vector<Json> pending, decided;
  for (const Json& one : reviews) {
    (RecordText(one, "State") == "pending" ? pending : decided).push_back(one);
  }
  std::reverse(decided.begin(), decided.end());
  const Identity& identity = desk.client().keystore().identity();
  const auto& supervisors = profile.policy.review.supervisors;
  const bool may = std::any_of(supervisors.begin(), supervisors.end(),
                               [&](const Principal& one) { return one.udf == identity.Udf(); });
  Page page{"Reviews of " + label.text(), {}, label, "reviews"};
  page.main = Fill(
      "{}<section><h2>Waiting</h2>\n{}</section>\n<section><h2>Decided</h2>\n{}"
      "</section>\n",
      Supervisors(profile.policy, may),
      PendingTable(desk, label, pending, {may, identity.account.text()}), DecidedTable(decided));
  return page;
}

Result<Page> DecideReview(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  const std::string text = FieldOf(form, "id"), decision = FieldOf(form, "decision");
  uint64_t id = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  const bool approved = decision == "approve";
  if (parsed.ec != std::errc() || parsed.ptr != end || (!approved && decision != "deny")) {
    return Fail(ErrorCode::kInvalid, "this is no decision about a request");
  }
  uint32_t seconds = 0;
  if (const std::string duration = FieldOf(form, "for"); !duration.empty()) {
    RECRYPT_ASSIGN(seconds, ParseDuration(duration));
  }
  const ReviewDecision what = approved ? ReviewDecision::kApprove : ReviewDecision::kDeny;
  RECRYPT_TRY(LabelAdmin(desk.client()).Decide(label, id, what, seconds));
  desk.Tell("Request " + text +
            (approved ? " is approved; the next open succeeds." : " is denied."));
  return GoTo(LinkTo(desk, "reviews", label));
}

}  // namespace recrypt
