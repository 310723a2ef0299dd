// Grants and refusals of all labels that this account administers, beside one another.
#include "cli/console/pages.h"
#include "cli/console/period_form.h"
#include "cli/console/plot.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

Result<Html> PlotOfLabel(Desk& desk, const LabelName& label, const Period& period) {
  const auto edges = EdgesOf(period, desk.client().clock().NowSeconds());
  AuditFilter filter;
  filter.from = edges.front();
  RECRYPT_ASSIGN(const AuditRead read, ReadAudit(desk.client(), label, filter));
  const Tally tally = TallyOf(read.records, edges);
  Html plot = PlotOf({label.text(), std::string(period.about), edges, tally, ScaleOf(tally)});
  plot += CoverageText(read);
  return plot;
}

}  // namespace

Result<Page> ActivityPage(Desk& desk, const Form& form) {
  const Period& period = PeriodOf(FieldOf(form, "since"));
  Page page{"Activity", {}};
  page.name = "activity";
  page.main = desk.AskForm(
      "activity", {},
      Fill("<div class=\"fields\">{}<button>Show</button></div>\n", PeriodField(period)));
  RECRYPT_ASSIGN(const auto labels, LabelAdmin(desk.client()).List());
  const int64_t until_ms = desk.client().clock().MonotonicMillis() + kPatienceMillis;
  for (const auto& one : labels) {
    if (!one.administrator) continue;
    Html about;
    if (desk.client().clock().MonotonicMillis() >= until_ms) {
      about = Fill("<p>Services answer slowly: this one was not asked.</p>\n");
    } else if (auto plot = PlotOfLabel(desk, one.label, period)) {
      about = std::move(*plot);
    } else {
      about = ErrorText(plot.error());
    }
    const std::string link =
        desk.Link("audit", {{"name", one.label.text()}, {"since", std::string(period.name)}});
    page.main += Fill("<section class=\"card\"><h2><a href=\"{}\">{}</a></h2>\n{}</section>\n",
                      link, one.label.text(), about);
  }
  return page;
}

}  // namespace recrypt
