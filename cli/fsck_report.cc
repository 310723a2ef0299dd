#include "cli/fsck_report.h"

#include "cli/quantities.h"

namespace recrypt {
namespace {

std::string_view StateOf(const CheckedDocument& checked) {
  if (!checked.failure) return ConditionName(checked.report.condition);
  return checked.failure->code == ErrorCode::kBusy ? "busy" : "not checked";
}

bool IsHarmless(const CheckedDocument& checked) {
  return !checked.failure && !checked.report.damaged();
}

// Whether it is worth a line for this user.
bool IsShown(const CheckedDocument& checked, const RepairOutcome* repair, Detail detail) {
  if (detail == Detail::kAll || repair != nullptr || !IsHarmless(checked)) return true;
  if (detail == Detail::kQuiet) return false;
  return !checked.report.findings.empty() || checked.report.condition != Condition::kGood;
}

std::string RangeText(const ContentRange& range) {
  if (range.first >= range.end) return "";
  return "; bytes " + std::to_string(range.first) + " to " + std::to_string(range.end - 1) +
         " of the content cannot be read";
}

std::string TextOf(const CheckedDocument& checked) {
  std::string text = InOneLine(checked.path) + ": " + std::string(StateOf(checked));
  if (checked.failure) return text + ": " + InOneLine(checked.failure->message);
  if (checked.report.unreadable > 0) {
    text += ": " + FormatSize(checked.report.unreadable) + " of " +
            FormatSize(checked.report.size) + " cannot be read";
  }
  if (checked.refused) text += " (no grant: " + InOneLine(checked.refused->message) + ")";
  return text;
}

Json JsonOf(const Finding& finding) {
  Json json = {{"part", PartName(finding.part)},
               {"harm", finding.harm == Harm::kDamage ? "damage" : "none"},
               {"what", finding.what}};
  if (finding.content) {
    json["content"] = {{"first", finding.content->first}, {"end", finding.content->end}};
  }
  return json;
}

Json JsonOf(const RepairOutcome& repair) {
  if (repair.failure) return {{"failed", repair.failure->message}};
  Json json = {{"done", repair.repair->done}};
  if (!repair.repair->copy.empty()) json["copy"] = repair.repair->copy;
  if (!repair.repair->why_not.empty()) json["whyNot"] = repair.repair->why_not;
  return json;
}

Json JsonOf(const CheckedDocument& checked) {
  Json json = {{"file", checked.path}, {"state", StateOf(checked)}};
  if (checked.failure) {
    json["error"] = {{"code", ErrorCodeName(checked.failure->code)},
                     {"message", checked.failure->message}};
    return json;
  }
  const CheckReport& report = checked.report;
  json["stored"] = report.stored;
  json["size"] = report.size;
  json["generation"] = report.generation;
  json["label"] = checked.label.empty() ? Json() : Json(checked.label);
  json["author"] = report.authorship.known() ? Json(report.authorship.author) : Json();
  json["authenticated"] = report.authenticated;
  json["contentChecked"] = report.content_checked;
  json["unreadable"] = report.unreadable;
  json["findings"] = Json::array();
  for (const Finding& finding : report.findings) json["findings"].push_back(JsonOf(finding));
  if (report.more_findings > 0) json["moreFindings"] = report.more_findings;
  if (checked.refused) {
    json["refused"] = {{"code", ErrorCodeName(checked.refused->code)},
                       {"message", checked.refused->message}};
  }
  return json;
}

void ShowFindings(Output& out, const CheckReport& report, Detail detail) {
  for (const Finding& finding : report.findings) {
    if (detail == Detail::kQuiet && finding.harm == Harm::kNone) continue;
    out.Line("  " + std::string(PartName(finding.part)) + ": " + InOneLine(finding.what) +
             (finding.content ? RangeText(*finding.content) : ""));
  }
  if (report.more_findings > 0) {
    out.Line("  and " + std::to_string(report.more_findings) + " more");
  }
}

void ShowRepair(Output& out, const RepairOutcome& repair) {
  if (repair.failure) {
    out.Line("  not repaired: " + InOneLine(repair.failure->message));
    return;
  }
  for (const std::string& done : repair.repair->done) out.Line("  repaired: " + done);
  if (!repair.repair->copy.empty()) {
    out.Line("  as it was before: " + InOneLine(repair.repair->copy));
  }
  if (!repair.repair->why_not.empty()) {
    out.Line("  not repaired: " + InOneLine(repair.repair->why_not));
  }
}

std::string CountOf(uint64_t count, const std::string& what) {
  return count == 0 ? "" : ", " + std::to_string(count) + " " + what;
}

}  // namespace

std::string InOneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = '?';
  }
  return text;
}

void FsckSummary::Count(const CheckedDocument& checked, const RepairOutcome* repair) {
  ++documents;
  if (checked.failure) {
    ++(checked.failure->code == ErrorCode::kBusy ? busy : unchecked);
    return;
  }
  if (checked.refused && checked.refused->code == ErrorCode::kUnavailable) {
    ++unavailable;
  } else if (checked.refused) {
    ++unverified;
  }
  if (repair != nullptr && repair->failure && IsHarmless(checked)) {
    ++(repair->failure->code == ErrorCode::kBusy ? busy : unchecked);
  }
  if (checked.report.damaged()) {
    ++damaged;
  } else if (repair != nullptr && repair->repaired()) {
    ++repaired;
  } else {
    ++good;
  }
}

ExitCode FsckSummary::Exit() const {
  if (damaged > 0 || other_damage > 0) return ExitCode::kCorrupt;
  if (unchecked > 0) return ExitCode::kFailed;
  if (busy > 0) return ExitCode::kBusy;
  if (unavailable > 0) return ExitCode::kUnavailable;
  return repaired > 0 ? ExitCode::kRepaired : ExitCode::kOk;
}

void ShowDocument(Output& out, const CheckedDocument& checked, const RepairOutcome* repair,
                  Detail detail) {
  Json json = JsonOf(checked);
  if (repair != nullptr) json["repair"] = JsonOf(*repair);
  out.Object(json);
  if (!IsShown(checked, repair, detail)) return;
  out.Line(TextOf(checked));
  if (!checked.failure) ShowFindings(out, checked.report, detail);
  if (repair != nullptr) ShowRepair(out, *repair);
}

void ShowSummary(Output& out, const FsckSummary& summary) {
  out.Line(std::to_string(summary.documents) +
           (summary.documents == 1 ? " document: " : " documents: ") +
           std::to_string(summary.good) + " good" + CountOf(summary.damaged, "damaged") +
           CountOf(summary.repaired, "repaired") + CountOf(summary.busy, "busy") +
           CountOf(summary.unchecked, "not checked") +
           CountOf(summary.unverified, "checked without keys, as there was no grant") +
           CountOf(summary.unavailable, "checked without keys, as no service answered") +
           CountOf(summary.plain, "files that are no documents") +
           CountOf(summary.leftovers, "files that were left behind"));
  out.Object({{"summary",
               {{"documents", summary.documents},
                {"good", summary.good},
                {"damaged", summary.damaged},
                {"repaired", summary.repaired},
                {"busy", summary.busy},
                {"notChecked", summary.unchecked},
                {"noGrant", summary.unverified},
                {"noService", summary.unavailable},
                {"plain", summary.plain},
                {"leftovers", summary.leftovers},
                {"otherDamage", summary.other_damage}}}});
}

}  // namespace recrypt
