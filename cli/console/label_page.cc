// One label: its members, what runs under it, and what it allows.
#include <algorithm>
#include <array>

#include "cli/console/activity.h"
#include "cli/console/pages.h"
#include "cli/console/period_form.h"
#include "cli/policy_settings.h"
#include "cli/quantities.h"
#include "client/label_admin.h"
#include "client/label_join.h"

namespace recrypt {
namespace {

bool Administers(const Identity& identity, const LabelProfile& profile) {
  const auto is_own = [&identity](const Principal& one) { return one.udf == identity.Udf(); };
  return is_own(profile.owner) ||
         std::any_of(profile.administrators.begin(), profile.administrators.end(), is_own);
}

Html Devices(const LabelMember& member) {
  Html list;
  for (const std::string& udf : member.devices) list += Fill("<li><code>{}</code></li>", udf);
  const size_t count = member.devices.size();
  if (count == 0) return Fill("not told");
  return Fill("<details><summary>{} {}</summary><ul>{}</ul></details>", count,
              count == 1 ? "device" : "devices", list);
}

Html MembersTable(const Desk& desk, const LabelName& label,
                  const std::vector<LabelMember>& members) {
  if (members.empty()) return Fill("<p>{} has no members.</p>\n", label.text());
  HtmlTable table{"Members of " + label.text(), {"Account", "Fingerprint", "Devices", "Change"}};
  for (const LabelMember& one : members) {
    const std::string remove =
        desk.Link("member/remove", {{"name", label.text()}, {"account", one.account}});
    table.rows.push_back(
        {Fill("<strong>{}</strong>", one.account), Code(one.profile_udf), Devices(one),
         Fill("<a class=\"button\" href=\"{}\">Remove<span class=\"unseen\"> {}</span>…</a>",
              remove, one.account)});
  }
  return table.html();
}

Html AddForm(const Desk& desk, const LabelName& label) {
  static constexpr std::array kRights = {FieldChoice{"write", "read and write"},
                                         FieldChoice{"read", "read only"}};
  const Html fields = Fill(
      "<div class=\"fields\"><p><label for=\"account\">Account</label> <input id=\"account\" "
      "name=\"account\" required maxlength=\"320\" autocomplete=\"off\" spellcheck=\"false\" "
      "placeholder=\"bob@example.net\"></p>\n{}<button>Look at the fingerprint</button></div>\n",
      ChoiceField("rights", "May", kRights, "write"));
  return Fill("<h3>Add a member</h3>\n{}",
              desk.AskForm("member/add", {{"name", label.text()}}, fields));
}

Html JoinsTable(Desk& desk, const LabelName& label) {
  const auto joins = ListJoins(desk.client(), label);
  if (!joins) return ErrorText(joins.error());
  if (joins->empty()) return {};
  HtmlTable table{"Who asks to join", {"Account", "Message", "Asked", "Change"}};
  for (const LabelJoin& one : *joins) {
    const std::string add =
        desk.Link("member/add", {{"name", label.text()}, {"account", one.account}});
    table.rows.push_back(
        {Fill("{}", one.account), Fill("{}", one.message), Fill("{}", FormatLocalTime(one.time)),
         Fill("<a class=\"button\" href=\"{}\">Add<span class=\"unseen\"> {}</span>…</a>", add,
              one.account)});
  }
  return Fill("<h3>Requests</h3>\n{}", table.html());
}

Html MembersSection(Desk& desk, const LabelName& label) {
  const auto members = LabelAdmin(desk.client()).Members(label);
  const Html table = members ? MembersTable(desk, label, *members) : ErrorText(members.error());
  return Fill("<section><h2>Members</h2>\n{}{}{}</section>\n", table, JoinsTable(desk, label),
              AddForm(desk, label));
}

Html LeasesTable(const LabelPolicy& policy, const std::vector<Json>& grants, int64_t now) {
  struct Running {
    uint32_t grants = 0;
    int64_t until = 0;
  };
  std::map<std::string, Running> running;
  for (const Json& one : grants) {
    const int64_t until = RecordTime(one) + policy.LongestUse();
    if (until <= now) continue;
    Running& of = running[RecordText(one, "account")];
    ++of.grants;
    of.until = std::max(of.until, until);
  }
  if (running.empty()) return Fill("<p>No lease runs.</p>\n");
  HtmlTable table{"Leases that run", {"Account", "Grants", "The last one ends by"}};
  for (const auto& [account, of] : running) {
    table.rows.push_back(
        {Fill("{}", account), Fill("{}", of.grants), Fill("{}", FormatLocalTime(of.until))});
  }
  return table.html();
}

// Whom a quota counts a grant for.
std::string CountedFor(const Quota& quota, const Json& grant) {
  if (quota.per == QuotaPer::kLabel) return "all together";
  const std::string account = RecordText(grant, "account");
  if (quota.per == QuotaPer::kMember) return account;
  return account + ", device " + RecordText(grant, "device");
}

Html QuotasTable(const LabelPolicy& policy, const std::vector<Json>& grants, int64_t now) {
  if (policy.quotas.empty()) return Fill("<p>There is no quota.</p>\n");
  HtmlTable table{"Openings that quotas count", {"Who", "Openings", "Of", "In the last"}};
  for (const Quota& quota : policy.quotas) {
    std::map<std::string, uint32_t> used;
    for (const Json& one : grants) {
      if (RecordTime(one) > now - int64_t{quota.seconds}) ++used[CountedFor(quota, one)];
    }
    if (used.empty()) used.emplace("nobody", 0);
    for (const auto& [who, count] : used) {
      table.rows.push_back({Fill("{}", who), Fill("{}", count), Fill("{}", quota.opens),
                            Fill("{}", FormatDuration(quota.seconds))});
    }
  }
  return table.html();
}

Html UseSection(Desk& desk, const LabelProfile& profile) {
  const LabelPolicy& policy = profile.policy;
  const int64_t now = desk.client().clock().NowSeconds();
  AuditFilter filter;
  filter.event = "grant";
  uint32_t longest = policy.LongestUse();
  for (const Quota& quota : policy.quotas) longest = std::max(longest, quota.seconds);
  filter.from = now - int64_t{longest};
  Html text;
  if (const auto read = ReadAudit(desk.client(), profile.label, filter)) {
    text += LeasesTable(policy, read->records, now);
    text += QuotasTable(policy, read->records, now);
    text += CoverageText(*read);
  } else {
    text = ErrorText(read.error());
  }
  return Fill("<section><h2>Leases and quotas</h2>\n{}</section>\n", text);
}

Html PolicySection(const LabelProfile& profile) {
  std::vector<std::pair<std::string, Html>> facts;
  for (const auto& [name, value] : PolicyLines(profile.policy)) {
    facts.emplace_back(name, Fill("{}", value));
  }
  return Fill(
      "<section><h2>Policy</h2>\n{}<p class=\"note\">Changed by <code>recryptfs label policy "
      "{} --set NAME=VALUE</code>.</p></section>\n",
      Facts(facts), profile.label.text());
}

Html AboutSection(const LabelProfile& profile) {
  const auto principal = [](const Principal& one) {
    return Fill("{} <code>{}</code>", one.account.text(), one.udf);
  };
  std::vector<std::pair<std::string, Html>> facts;
  facts.emplace_back("Fingerprint", Code(profile.Udf()));
  facts.emplace_back("Owner", principal(profile.owner));
  for (const Principal& one : profile.administrators) {
    facts.emplace_back("Administrator", principal(one));
  }
  for (const auto& one : profile.services) {
    facts.emplace_back("Service", Fill("{} <code>{}</code>", one.domain, one.udf));
  }
  facts.emplace_back("Profile", Fill("version {}, until {}", profile.version.version,
                                     FormatLocalTime(profile.version.expires)));
  return Fill("<section><h2>About the label</h2>\n{}</section>\n", Facts(facts));
}

}  // namespace

Result<Page> LabelPage(Desk& desk, const Form& form) {
  RECRYPT_ASSIGN(const LabelName label, LabelOf(form));
  RECRYPT_ASSIGN(const LabelProfile profile, LabelAdmin(desk.client()).Show(label));
  Page page{label.text(), {}, label, "label"};
  if (Administers(desk.client().keystore().identity(), profile)) {
    page.main += MembersSection(desk, label);
    page.main += UseSection(desk, profile);
  } else {
    page.main += Fill(
        "<p class=\"note\">This account does not administer the label: who its "
        "members are is for its administrators.</p>\n");
  }
  page.main += PolicySection(profile);
  page.main += AboutSection(profile);
  return page;
}

}  // namespace recrypt
