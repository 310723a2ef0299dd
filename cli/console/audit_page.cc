// The audit log of a label, filtered, with what was granted and refused over time.
#include <algorithm>
#include <array>

#include "cli/console/pages.h"
#include "cli/console/period_form.h"
#include "cli/console/plot.h"
#include "cli/quantities.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

constexpr size_t kMaxRows = 200;
constexpr size_t kMaxMemberPlots = 12;

constexpr std::array kOutcomes = {
    FieldChoice{"", "everything"},           FieldChoice{"grant", "grants"},
    FieldChoice{"refuse", "refusals"},       FieldChoice{"open", "openings under a lease"},
    FieldChoice{"change", "administration"},
};

// What was asked for.
struct Asked {
  LabelName label;
  std::string account;
  std::string outcome;
  const Period& period;
};

Result<Asked> ReadAsked(const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  std::string account = FieldOf(form, "account");
  if (!account.empty()) {
    RECRYPT_ASSIGN(const AccountName name, AccountName::Parse(account));
    account = name.text();
  }
  const std::string outcome = FieldOf(form, "outcome");
  if (std::none_of(kOutcomes.begin(), kOutcomes.end(),
                   [&](const FieldChoice& one) { return one.value == outcome; })) {
    return Fail(ErrorCode::kInvalid, "'" + outcome + "' is no outcome that the log has");
  }
  return Asked{label, account, outcome, PeriodOf(FieldOf(form, "since"))};
}

Html FilterForm(Desk& desk, const Asked& asked) {
  Html accounts;
  if (const auto members = LabelAdmin(desk.client()).Members(asked.label)) {
    for (const LabelMember& one : *members) {
      accounts += Fill("<option value=\"{}\"></option>", one.account);
    }
  }
  const Html fields = Fill(
      "<div class=\"fields\"><p><label for=\"account\">Account</label> <input id=\"account\" "
      "name=\"account\" value=\"{}\" list=\"accounts\" maxlength=\"320\" autocomplete=\"off\" "
      "spellcheck=\"false\" placeholder=\"all\"></p><datalist id=\"accounts\">{}</datalist>\n{}{}"
      "<button>Show</button></div>\n",
      asked.account, accounts, ChoiceField("outcome", "What", kOutcomes, asked.outcome),
      PeriodField(asked.period));
  return desk.AskForm("audit", {{"name", asked.label.text()}}, fields);
}

bool IsAdministration(const Json& record) {
  const std::string event = RecordText(record, "event");
  return event != "grant" && event != "refuse" && event != "open";
}

Html Details(const Json& record) {
  std::string text;
  for (const char* member : {"by", "use", "count", "review", "reason", "epoch"}) {
    const std::string value = RecordText(record, member);
    if (value.empty()) continue;
    text += (text.empty() ? "" : ", ") + std::string(member) + " " + value;
  }
  return Fill("{}", text);
}

Html Records(const std::vector<Json>& records) {
  if (records.empty()) return Fill("<p>Nothing of that is on record.</p>\n");
  HtmlTable table{"Records, the newest first", {"Time", "What", "Account", "Document", "More"}};
  for (auto one = records.rbegin(); one != records.rend() && table.rows.size() < kMaxRows; ++one) {
    const std::string event = RecordText(*one, "event");
    table.rows.push_back(
        {Fill("{}", FormatLocalTime(RecordTime(*one))),
         Fill("<span class=\"{}\">{}</span>", event == "refuse" ? "event bad" : "event", event),
         Fill("{}", RecordText(*one, "account")), Code(RecordText(*one, "document")),
         Details(*one)});
  }
  Html html = table.html();
  if (records.size() > kMaxRows) {
    html += Fill(
        "<p class=\"note\">These are the newest {} of {} records; <code>recryptfs audit"
        "</code> prints all of them.</p>\n",
        kMaxRows, records.size());
  }
  return html;
}

// The members with most grants and refusals, on one scale, each with a link to what is theirs
// alone.
Html MemberPlots(const Desk& desk, const Asked& asked, const std::vector<Json>& records,
                 const std::vector<int64_t>& edges) {
  const auto tallies = TallyByAccount(records, edges);
  if (tallies.size() < 2) return {};
  std::vector<std::pair<std::string, Tally>> order(tallies.begin(), tallies.end());
  const auto all = [](const Tally& one) { return one.all_grants + one.all_refusals; };
  std::stable_sort(order.begin(), order.end(), [&](const auto& one, const auto& other) {
    return all(one.second) > all(other.second);
  });
  PlotScale scale;
  for (const auto& [account, tally] : order) {
    const PlotScale own = ScaleOf(tally);
    scale = {std::max(scale.grants, own.grants), std::max(scale.refusals, own.refusals)};
  }
  Html plots;
  for (size_t i = 0; i < order.size() && i < kMaxMemberPlots; ++i) {
    const auto& [account, tally] = order[i];
    const std::string link = desk.Link("audit", {{"name", asked.label.text()},
                                                 {"account", account},
                                                 {"since", std::string(asked.period.name)}});
    plots += Fill(
        "<li>{}<p><a href=\"{}\">Only {}</a></p></li>\n",
        PlotOf({account, std::string(asked.period.about), edges, tally, scale, PlotSize::kSmall}),
        link, account);
  }
  return Fill("<section><h2>By member</h2>\n<ul class=\"plots\">\n{}</ul></section>\n", plots);
}

}  // namespace

Result<Page> AuditPage(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const Asked asked, ReadAsked(form));
  const auto edges = EdgesOf(asked.period, desk.client().clock().NowSeconds());
  AuditFilter filter;
  filter.account = asked.account;
  if (asked.outcome != "change") filter.event = asked.outcome;
  filter.from = edges.front();
  RECRYPT_ASSIGN(AuditRead read, ReadAudit(desk.client(), asked.label, filter));
  if (asked.outcome == "change") {
    std::erase_if(read.records, [](const Json& record) { return !IsAdministration(record); });
  }
  Page page{"Audit log of " + asked.label.text(), FilterForm(desk, asked), asked.label, "audit"};
  page.main += CoverageText(read);
  const Tally tally = TallyOf(read.records, edges);
  if (tally.all_grants + tally.all_refusals > 0) {
    const std::string title = asked.account.empty() ? asked.label.text() : asked.account;
    page.main +=
        Fill("<section><h2>Grants and refusals</h2>\n{}</section>\n",
             PlotOf({title, std::string(asked.period.about), edges, tally, ScaleOf(tally)}));
    page.main += MemberPlots(desk, asked, read.records, edges);
  }
  page.main += Fill("<section><h2>Records</h2>\n{}</section>\n", Records(read.records));
  return page;
}

}  // namespace recrypt
