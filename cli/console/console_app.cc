#include "cli/console/console_app.h"

#include <array>

#include "cli/console/pages.h"

namespace recrypt {
namespace {

Result<Page> End(Desk& desk, const Form&) {
  desk.End();
  return Page{"The console has ended", {}};
}

struct Route {
  std::string_view method, path;
  Result<Page> (*answer)(Desk&, const Form&);
};
constexpr std::array kRoutes = {
    Route{"GET", "/", OverviewPage},
    Route{"GET", "/activity", ActivityPage},
    Route{"GET", "/label", LabelPage},
    Route{"GET", "/member/add", AddMemberPage},
    Route{"POST", "/member/add", AddMember},
    Route{"GET", "/member/remove", RemoveMemberPage},
    Route{"POST", "/member/remove", RemoveMember},
    Route{"GET", "/audit", AuditPage},
    Route{"GET", "/reviews", ReviewsPage},
    Route{"POST", "/review", DecideReview},
    Route{"GET", "/rotation", RotationPage},
    Route{"POST", "/rotation", StartRotation},
    Route{"POST", "/end", End},
};

WebResponse SendTo(std::string target) {
  WebResponse response;
  response.status = 303;
  response.location = std::move(target);
  return response;
}

WebResponse SendStyleSheet() {
  WebResponse response;
  response.content_type = "text/css; charset=utf-8";
  response.body = StyleSheet();
  return response;
}

Status CheckIsForm(const WebRequest& request) {
  constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
  if (request.content_type.starts_with(kFormType)) return {};
  return Fail(ErrorCode::kInvalid, "what was sent is no form");
}

// Of a form its fields, which are nowhere but in its body; of a page the query.
Result<Form> ReadFields(const ConsoleSession& session, const WebRequest& request,
                        const WebTarget& target) {
  if (request.method == "GET") return target.query;
  RECRYPT_TRY(CheckIsForm(request));
  RECRYPT_ASSIGN(Form form, ParseForm(request.body));
  RECRYPT_TRY(session.CheckForm(form));
  return form;
}

}  // namespace

int64_t ConsoleApp::IdleSeconds() {
  return desk_.rotations().any_running() ? 0 : session_.IdleSeconds();
}

// For who is not known to have a session: nothing of any label is said.
WebResponse ConsoleApp::Refuse(const Error& error) const {
  WebResponse response;
  response.status = HttpStatusOf(error);
  const Html advice = Fill(
      "<p>The address that opens the console is printed by <code>recryptfs console</code>. It "
      "opens it once, in the browser that it is opened with: where it is used up, end that "
      "command in its terminal and run it again.</p>\n");
  const Html main =
      Fill("<div class=\"problem\" role=\"alert\"><p>{}.</p>{}</div>\n", error.message, advice);
  response.body = BareLayout("Not open here", main).markup();
  return response;
}

WebResponse ConsoleApp::Enter(const Form& query) {
  if (const Status entered = session_.Enter(FieldOf(query, "token")); !entered) {
    return Refuse(entered.error());
  }
  WebResponse response = SendTo(desk_.Link(""));
  response.set_cookie = session_.Cookie();
  return response;
}

WebResponse ConsoleApp::Answer(const WebRequest& request) {
  if (const Status ours = session_.CheckOrigin(request); !ours) return Refuse(ours.error());
  const auto target = ParseTarget(request.target);
  if (!target) return Refuse(target.error());
  if (request.method == "GET" && target->path == "/style.css") return SendStyleSheet();
  if (request.method == "GET" && target->path == "/enter") return Enter(target->query);
  if (const Status known = session_.CheckCookie(request); !known) return Refuse(known.error());
  return Answer(request, *target);
}

// For who has the session.
WebResponse ConsoleApp::Answer(const WebRequest& request, const WebTarget& target) {
  const auto answer = [&]() -> Result<Page> {
    const std::string& folder = session_.folder();
    const std::string path =
        target.path.starts_with(folder + "/") ? target.path.substr(folder.size()) : "";
    for (const Route& route : kRoutes) {
      if (route.path != path || route.method != request.method) continue;
      RECRYPT_ASSIGN(const Form form, ReadFields(session_, request, target));
      return route.answer(desk_, form);
    }
    return Fail(ErrorCode::kNotFound, "there is no such page");
  };
  auto page = answer();
  if (page && !page->go_to.empty()) return SendTo(std::move(page->go_to));
  WebResponse response;
  if (page && desk_.ended()) {
    response.body = BareLayout(page->title, Fill("<p>Its session is over, and <code>recryptfs "
                                                 "console</code> is ending. This window can be "
                                                 "closed.</p>\n"))
                        .markup();
    return response;
  }
  if (!page) {
    response.status = HttpStatusOf(page.error());
    page = Page{"That did not work", ErrorText(page.error())};
    page->name = "error";
  }
  response.body = Layout(desk_, *page).markup();
  return response;
}

}  // namespace recrypt
