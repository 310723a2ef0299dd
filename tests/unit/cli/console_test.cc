#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "cli/console/console_app.h"
#include "cli/console/plot.h"

namespace recrypt {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

WebRequest RequestFor(std::string method, std::string target) {
  WebRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.host = "127.0.0.1:8400";
  return request;
}

class HandClock : public Clock {
 public:
  int64_t NowSeconds() const override { return 1'800'000'000 + millis / 1000; }
  int64_t MonotonicMillis() const override { return millis; }
  int64_t millis = 0;
};

TEST(Html, EscapesEveryTextAndNoMarkup) {
  const std::string hostile = "<script>\"it's\" & {}</script>";
  const Html inner = Fill("<b>{}</b>", hostile);
  const std::string escaped = "&lt;script&gt;&quot;it&#39;s&quot; &amp; {}&lt;/script&gt;";
  EXPECT_EQ(inner.markup(), "<b>" + escaped + "</b>");
  EXPECT_EQ(Fill("<a href=\"{}\">{}</a>{}", hostile, inner, 7).markup(),
            "<a href=\"" + escaped + "\"><b>" + escaped + "</b></a>7");
}

TEST(Html, ReplacesWhatIsNotSeenAndChangesWhatIs) {
  EXPECT_EQ(Fill("{}", std::string_view("a\0b\x1b[31m\x7f\xc2\x85", 10)).markup(),
            "a\uFFFDb\uFFFD[31m\uFFFD\uFFFD");
  EXPECT_EQ(Fill("{}", "bob\u202Emoc.live@example.net\u2066").markup(),
            "bob\uFFFDmoc.live@example.net\uFFFD");
  EXPECT_EQ(Fill("{}", "ü \xff\xc0\xaf <").markup().find('\xff'), std::string::npos);
  EXPECT_EQ(Fill("{}", "Büro#münchen.example\n").markup(), "Büro#münchen.example\n");
}

TEST(HtmlTable, IsATableAlsoWhereItIsLaidOutInAnotherWay) {
  const std::string markup = HtmlTable{"Who", {"A"}, {{Fill("{}", "<")}}}.html().markup();
  EXPECT_THAT(markup, HasSubstr("<caption>Who</caption>"));
  EXPECT_THAT(markup, HasSubstr("<th scope=\"col\" role=\"columnheader\">A</th>"));
  EXPECT_THAT(markup, HasSubstr("<td role=\"cell\" data-head=\"A\">&lt;</td>"));
}

TEST(Form, IsReadAsItWasWritten) {
  const Form query = {{"name", "Büro#x.example"}, {"a&b=", "1 + 1 = 2%"}, {"empty", ""}};
  const std::string target = WriteTarget("/label", query);
  EXPECT_THAT(target, Not(HasSubstr("#")));
  const auto read = ParseTarget(target);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->path, "/label");
  EXPECT_EQ(FieldOf(read->query, "name"), "Büro#x.example");
  EXPECT_EQ(FieldOf(read->query, "a&b="), "1 + 1 = 2%");
  EXPECT_EQ(FieldOf(ParseForm("a=b+c%2B&d").value(), "a"), "b c+");
}

TEST(Form, IsRefusedWhenItIsNotOneOfABrowser) {
  std::string many;
  for (int i = 0; i < 40; ++i) many += "f" + std::to_string(i) + "=&";
  for (const std::string& one :
       {std::string("a=%"), std::string("a=%4"), std::string("a=%zz"), std::string("a=%+1"),
        std::string("a=%00"), std::string("a=%ff"), std::string("a=1&a=2"), many}) {
    EXPECT_FALSE(ParseForm(one)) << one;
  }
  EXPECT_FALSE(ParseTarget("http://evil.example/"));
  EXPECT_FALSE(ParseTarget(""));
}

class ConsoleSessionTest : public testing::Test {
 protected:
  std::string Token() { return session_.EntryTarget().substr(std::string("/enter?token=").size()); }
  std::string CookieValue() {
    const std::string cookie = session_.Cookie();
    return cookie.substr(0, cookie.find(';'));
  }
  static WebRequest Get(const std::string& host) {
    WebRequest request;
    request.method = "GET";
    request.host = host;
    return request;
  }

  HandClock clock_;
  ConsoleSession session_{clock_, 8400};
};

TEST_F(ConsoleSessionTest, TheTokenOpensItOnce) {
  const std::string token = Token();
  EXPECT_EQ(token.size(), 43u);
  EXPECT_FALSE(session_.Enter(""));
  EXPECT_FALSE(session_.Enter(token.substr(1)));
  EXPECT_FALSE(session_.Enter(CookieValue()));
  EXPECT_TRUE(session_.Enter(token));
  EXPECT_FALSE(session_.Enter(token));
  EXPECT_FALSE(session_.Enter(""));
}

TEST_F(ConsoleSessionTest, TheCookieIsForItsFolderAloneAndForNoScript) {
  EXPECT_THAT(session_.Cookie(), HasSubstr("; Path=" + session_.folder() + ";"));
  EXPECT_THAT(session_.Cookie(), HasSubstr("; HttpOnly; SameSite=Strict"));
  EXPECT_EQ(session_.folder().size(), 23u);
}

TEST_F(ConsoleSessionTest, WithoutTheCookieNothingIsShown) {
  WebRequest request = Get("127.0.0.1:8400");
  EXPECT_FALSE(session_.CheckCookie(request));
  request.cookie = CookieValue();
  EXPECT_TRUE(session_.CheckCookie(request));
  request.cookie = "other=1; " + CookieValue();
  EXPECT_TRUE(session_.CheckCookie(request));
  request.cookie = "x" + CookieValue();
  EXPECT_FALSE(session_.CheckCookie(request));
  request.cookie = CookieValue().substr(0, 40);
  EXPECT_FALSE(session_.CheckCookie(request));
  request.cookie = CookieValue() + "; " + CookieValue();
  EXPECT_FALSE(session_.CheckCookie(request));
}

TEST_F(ConsoleSessionTest, ARequestForAnotherHostIsRefused) {
  for (const char* host : {"127.0.0.1:8400", "localhost:8400", "[::1]:8400"}) {
    EXPECT_TRUE(session_.CheckOrigin(Get(host))) << host;
  }
  for (const char* host : {"", "127.0.0.1", "127.0.0.1:8401", "evil.example:8400", "evil.example",
                           "127.0.0.1:8400.evil.example"}) {
    EXPECT_FALSE(session_.CheckOrigin(Get(host))) << host;
  }
}

TEST_F(ConsoleSessionTest, ARequestOfAnotherPageIsRefused) {
  WebRequest request = Get("127.0.0.1:8400");
  request.fetch_site = "none";
  EXPECT_TRUE(session_.CheckOrigin(request)) << "typed";
  for (const char* site : {"cross-site", "same-site"}) {
    request.fetch_site = site;
    EXPECT_FALSE(session_.CheckOrigin(request)) << site;
  }
  request.fetch_site = "same-origin";
  request.method = "POST";
  EXPECT_TRUE(session_.CheckOrigin(request));
  request.origin = "http://127.0.0.1:8400";
  EXPECT_TRUE(session_.CheckOrigin(request));
  for (const char* origin :
       {"null", "http://127.0.0.1:8401", "http://evil.example", "https://127.0.0.1:8400"}) {
    request.origin = origin;
    EXPECT_FALSE(session_.CheckOrigin(request)) << origin;
  }
  request.fetch_site = request.origin = "";
  EXPECT_FALSE(session_.CheckOrigin(request)) << "a form of nobody";
  request.fetch_site = "none";
  EXPECT_FALSE(session_.CheckOrigin(request)) << "a form is not typed";
}

TEST_F(ConsoleSessionTest, AFormShowsItsToken) {
  EXPECT_FALSE(session_.CheckForm({}));
  EXPECT_FALSE(session_.CheckForm({{"form", Token()}}));
  EXPECT_TRUE(session_.CheckForm({{"form", session_.FormToken()}}));
}

TEST_F(ConsoleSessionTest, OnlyUseKeepsItOpen) {
  clock_.millis = 60'000;
  (void)session_.Enter("wrong");
  EXPECT_FALSE(session_.CheckCookie(Get("127.0.0.1:8400")));
  EXPECT_EQ(session_.IdleSeconds(), 60);
  WebRequest request = Get("127.0.0.1:8400");
  request.cookie = CookieValue();
  EXPECT_TRUE(session_.CheckCookie(request));
  EXPECT_EQ(session_.IdleSeconds(), 0);
}

// A client of which nothing but the clock may be used.
class UntouchedClient : public Client {
 public:
  const ConfigDirectory& directory() const override { std::abort(); }
  const Config& config() const override { std::abort(); }
  const Clock& clock() const override { return clock_; }
  bool has_keys() const override { std::abort(); }
  Keystore& keystore() override { std::abort(); }
  TrustStore& trust() override { std::abort(); }
  Services& services() override { std::abort(); }
  VerifiedProfiles& profiles() override { std::abort(); }
  std::unique_ptr<Access> MakeAccess() override { std::abort(); }

 private:
  HandClock clock_;
};

TEST(ConsoleApp, ToWhoHasNoSessionItSaysNothingAndDoesNothing) {
  UntouchedClient client;
  ConsoleApp app(client, 8400);
  for (const char* method : {"GET", "POST", "PUT", "HEAD", "OPTIONS"}) {
    for (const char* target : {"/", "/label?name=A%23x.example", "/member/remove", "/end", "//",
                               "x", "/enter?token=AAAA"}) {
      WebRequest request = RequestFor(method, target);
      request.fetch_site = "same-origin";
      request.content_type = "application/x-www-form-urlencoded";
      const WebResponse response = app.Answer(request);
      EXPECT_THAT(response.status, testing::AnyOf(400, 403)) << method << " " << target;
      EXPECT_EQ(response.set_cookie, "");
    }
  }
  EXPECT_FALSE(app.ended());
}

TEST(ConsoleApp, ExchangesTheTokenForACookieAndSendsTheBrowserOn) {
  UntouchedClient client;
  ConsoleApp app(client, 8400);
  const WebRequest request = RequestFor("GET", app.EntryTarget());
  const WebResponse response = app.Answer(request);
  EXPECT_EQ(response.status, 303);
  EXPECT_THAT(response.set_cookie, StartsWith("recryptfs_console="));
  EXPECT_THAT(response.location, StartsWith("/"));
  EXPECT_THAT(response.location, Not(HasSubstr("token")));
  EXPECT_EQ(app.Answer(request).status, 403);
}

TEST(ConsoleApp, AnswersAllowNoScriptAndNothingFromElsewhere) {
  std::map<std::string_view, std::string_view> headers;
  for (const auto& [name, value] : ProtectiveHeaders()) headers[name] = value;
  const std::string policy(headers["Content-Security-Policy"]);
  EXPECT_THAT(policy, StartsWith("default-src 'none'; style-src 'self'; form-action 'self'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(headers["Cache-Control"], "no-store");
  EXPECT_EQ(headers["X-Content-Type-Options"], "nosniff");
  EXPECT_EQ(headers["Referrer-Policy"], "same-origin");
}

TEST(StyleSheet, NamesNothingFromElsewhere) {
  const std::string style(StyleSheet());
  for (const char* one : {"url(", "@import", "http"}) EXPECT_THAT(style, Not(HasSubstr(one)));
}

TEST(Period, HasStepsThatRiseToNow) {
  const int64_t now = 1'800'000'123;
  for (const Period& period : Periods()) {
    const auto edges = EdgesOf(period, now);
    ASSERT_EQ(edges.size(), static_cast<size_t>(period.steps) + 1) << period.name;
    EXPECT_TRUE(std::is_sorted(edges.begin(), edges.end())) << period.name;
    EXPECT_GT(edges.back(), now) << period.name;
    EXPECT_LE(edges[edges.size() - 2], now) << period.name;
  }
  EXPECT_EQ(PeriodOf("no such").name, "week");
}

TEST(Tally, CountsGrantsAndRefusalsInTheirSteps) {
  const std::vector<int64_t> edges = {1000, 2000, 3000};
  const auto record = [](const char* event, int64_t time, const char* account) {
    return Json{{"event", event}, {"time", FormatTime(time)}, {"account", account}};
  };
  const std::vector<Json> records = {
      record("grant", 999, "a"),  record("grant", 1000, "a"), record("refuse", 1999, "b"),
      record("grant", 2999, "b"), record("grant", 3000, "b"), record("open", 1500, "a"),
      Json{{"event", 1}},         Json{{"event", "grant"}},   Json::array(),
  };
  const Tally tally = TallyOf(records, edges);
  EXPECT_EQ(tally.grants, (std::vector<uint32_t>{1, 1}));
  EXPECT_EQ(tally.refusals, (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(TallyByAccount(records, edges).at("b").all_grants, 1u);
}

TEST(Plot, IsAPictureWithATextAndATable) {
  const std::vector<int64_t> edges = {0, 3600, 7200};
  const Tally tally{{3, 0}, {1, 2}, 3, 3};
  const std::string plot =
      PlotOf({"<Board>", "the last hours", edges, tally, ScaleOf(tally)}).markup();
  EXPECT_THAT(plot, HasSubstr("aria-label=\"Grants and refusals of &lt;Board&gt; over the last "
                              "hours: 3 grants, 3 refusals in all."));
  // 3 up and 2 down are the whole height.
  EXPECT_THAT(plot, HasSubstr("class=\"grants\" x=\"1\" y=\"0.00\" width=\"8\" height=\"60.00\""));
  EXPECT_THAT(plot, HasSubstr("class=\"refusals\" x=\"11\" y=\"60.00\" width=\"8\" "
                              "height=\"40.00\""));
  EXPECT_THAT(plot, HasSubstr("<details><summary>The numbers</summary>"));
  EXPECT_THAT(plot, Not(HasSubstr("style=")));
}

}  // namespace
}  // namespace recrypt
