/* SPDX-License-Identifier: Apache-2.0 */
/* Which format an Accept header gets, and whether an Accept-Encoding header takes gzip. */
#include <string.h>

#include "cmd/otb-expose/negotiate.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OM "application/openmetrics-text"
#define OM1 OM ";version=1.0.0"
#define TEXT "text/plain"
#define TEXT4 TEXT ";version=0.0.4"

struct format_case {
	const char *accept;
	enum page_format format;
};

static const struct format_case named[] = {
	{ NULL, PAGE_TEXT },
	{ "", PAGE_TEXT },
	{ "*/*", PAGE_TEXT },
	{ "text/*", PAGE_TEXT },
	{ TEXT, PAGE_TEXT },
	{ TEXT4, PAGE_TEXT },
	{ OM1, PAGE_OPENMETRICS },
	{ OM, PAGE_TEXT }, /* 0.0.1 is meant */
	{ OM ";version=0.0.1", PAGE_TEXT },
	{ OM ";version=2.0.0", PAGE_TEXT },
	{ OM ";version=1.0.00", PAGE_TEXT },
	{ OM ";version=1.0.0000000000000000000000", PAGE_TEXT },
	{ OM ";version=1.0", PAGE_TEXT },
	{ OM ";version=", PAGE_TEXT },
	{ OM ";version", PAGE_TEXT },
	{ "application/openmetrics-text2;version=1.0.0", PAGE_TEXT },
	{ "application/*", PAGE_TEXT },
	{ "application/json", PAGE_TEXT },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", PAGE_TEXT },
};

/* What Prometheus sends by default, by version, and what other programs do. */
static const struct format_case recorded[] = {
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
	  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
	  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
	  PAGE_OPENMETRICS },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
	  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
	  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
	  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
	  PAGE_OPENMETRICS },
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
	  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  PAGE_OPENMETRICS },
	{ "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", PAGE_TEXT },
	{ "text/plain;version=0.0.4;q=1,*/*;q=0.1", PAGE_TEXT },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PAGE_TEXT },
	{ "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", PAGE_TEXT },
};

static const struct format_case weighed[] = {
	{ TEXT ";q=0.5," OM1 ";q=0.6", PAGE_OPENMETRICS },
	{ TEXT ";q=0.6," OM1 ";q=0.5", PAGE_TEXT },
	{ OM1 ";q=0.5," TEXT ";q=0.6", PAGE_TEXT },
	{ OM1 "," TEXT, PAGE_OPENMETRICS },
	{ TEXT "," OM1, PAGE_TEXT },
	{ OM1 ";q=1.000," TEXT ";q=1", PAGE_OPENMETRICS },
	{ TEXT ";q=0.123," OM1 ";q=0.124", PAGE_OPENMETRICS },
	{ TEXT ";q=0.12," OM1 ";q=0.119", PAGE_TEXT },
	{ OM1 ";q=0." /* as 0 */, PAGE_TEXT },
	{ TEXT ";q=0.9," OM1 ";q=1.", PAGE_OPENMETRICS },
	{ "*/*," OM1, PAGE_OPENMETRICS }, /* what is named goes before a wildcard */
	{ "*/*;q=0.9," OM1 ";q=0.8", PAGE_TEXT },
	{ "text/*," OM1, PAGE_OPENMETRICS },
	{ OM1 ";q=0", PAGE_TEXT },
	{ OM1 ";q=0.000," TEXT ";q=0.001", PAGE_TEXT },
	{ TEXT ";q=0," OM1 ";q=0.001", PAGE_OPENMETRICS },
	{ TEXT ";q=0", PAGE_TEXT }, /* nothing fits */
	/* Versions that we do not have leave the place to the next. */
	{ OM ";version=0.0.1;q=0.9," OM1 ";q=0.2," TEXT ";q=0.1", PAGE_OPENMETRICS },
	{ TEXT ";version=1.0.0;q=0.9," OM1 ";q=0.2", PAGE_OPENMETRICS },
	{ TEXT ";version=1.0.0;q=0.9," TEXT4 ";q=0.3," OM1 ";q=0.2", PAGE_TEXT },
};

/* Not numbers from 0 to 1: the element does not count. */
static const char *const bad_q[] = {
	"",    "1.1", "1.001", "2",   "10",   "-1",   "-0",
	"+1",  ".5",  "0.5.5", "0,5", "abc",  "1e0",  "0x1",
	"nan", "inf", "1 1",   "01",  "0.5a", "00.5", "99999999999999999999",
};

static const struct format_case written[] = {
	{ "Application/OpenMetrics-Text;Version=1.0.0", PAGE_OPENMETRICS },
	{ TEXT ";Q=0.1," OM1 ";Q=0.2", PAGE_OPENMETRICS },
	{ "  application/openmetrics-text \t;\t version=1.0.0 ; q=0.5 , text/plain ; q=0.4 ", PAGE_OPENMETRICS },
	{ OM "; version = 1.0.0", PAGE_OPENMETRICS },
	{ OM ";version=\"1.0.0\"", PAGE_OPENMETRICS },
	{ OM ";version=\"1.\\0.0\"", PAGE_OPENMETRICS },
	{ OM ";version=\" 1.0.0\"", PAGE_TEXT },
	{ OM ";x=\"a,b;c=d\\\",\";version=1.0.0", PAGE_OPENMETRICS },
	{ TEXT ";x=\", " OM1 ",\"", PAGE_TEXT },
	{ ",,;,; ;," OM1, PAGE_OPENMETRICS },
	{ OM1 ",", PAGE_OPENMETRICS },
	{ OM1 ";", PAGE_OPENMETRICS },
	{ ";" OM1, PAGE_TEXT },
	{ OM ";;version=1.0.0;;", PAGE_OPENMETRICS },
	{ OM ";flag;version=1.0.0", PAGE_OPENMETRICS },
	{ OM ";version=0.0.1;version=1.0.0", PAGE_OPENMETRICS },
	/* Malformed: the element does not count, the rest does. */
	{ OM ";version=1.0.0=1," TEXT ";q=0.1", PAGE_TEXT },
	{ "a=b," OM1, PAGE_OPENMETRICS },
	{ OM "=;version=1.0.0", PAGE_TEXT },
	{ OM ";version=\"1.0.0", PAGE_TEXT },
	{ OM1 ";x=\"", PAGE_TEXT },
	{ OM1 ";x=\"\\", PAGE_TEXT },
	{ "application / openmetrics-text;version=1.0.0", PAGE_TEXT },
	{ "\xff\x80\xfe," OM1, PAGE_OPENMETRICS },
	{ OM1 " " TEXT, PAGE_TEXT },
};

static void check_formats(const struct format_case *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check(negotiate_format(table[i].accept) == table[i].format, "%s: %s",
		      table[i].format == PAGE_TEXT ? "text" : "OpenMetrics",
		      table[i].accept ? table[i].accept : "(no header)");
}

static void check_bad_q(void)
{
	for (size_t i = 0; i < COUNT(bad_q); i++) {
		char accept[128];

		snprintf(accept, sizeof(accept), "%s;q=%s,%s;q=0.001", OM1, bad_q[i], TEXT4);
		check(negotiate_format(accept) == PAGE_TEXT, "q=%s does not count", bad_q[i]);
	}
}

/* Longer than anything that is kept of an element. */
static void check_long(void)
{
	static char accept[100000];
	size_t length = sizeof(accept) - sizeof(OM1) - 1;

	memset(accept, 'a', length);
	strcpy(accept + length, "," OM1);
	check(negotiate_format(accept) == PAGE_OPENMETRICS, "a long name is passed over");
	memset(accept, ';', length);
	check(negotiate_format(accept) == PAGE_OPENMETRICS, "many parameters are passed over");
	memset(accept, ',', length);
	check(negotiate_format(accept) == PAGE_OPENMETRICS, "many empty elements are passed over");
	memcpy(accept, OM ";version=1.0.0", strlen(OM1));
	memset(accept + strlen(OM1), '0', length - strlen(OM1));
	accept[length] = '\0';
	check(negotiate_format(accept) == PAGE_TEXT, "a long version is none of ours");
}

struct gzip_case {
	const char *encodings;
	bool takes;
};

static const struct gzip_case gzip_cases[] = {
	{ NULL, false },
	{ "", false },
	{ "gzip", true },
	{ "GZip", true },
	{ "x-gzip", true },
	{ "gzip, deflate, br", true },
	{ "deflate , gzip;q=1.0, *;q=0.5", true },
	{ "gzip;q=0.001", true },
	{ "*", true },
	{ "*;q=0.1", true },
	{ "identity;q=0.5, *", true },
	{ "identity", false },
	{ "gzip2", false },
	{ "deflate, br", false },
	{ "gzip;q=0", false },
	{ "gzip; q=0.000", false },
	{ "gzip;q=0, *", false },
	{ "*, gzip;q=0", false },
	{ "*;q=0", false },
	{ "*;q=0, gzip", true },
	{ "gzip, *;q=0", true },
	{ "gzip;q=2", false },
	{ "gzip;q=x, deflate", false },
	{ "gzip;q", true },
	{ "\"gzip", false },
};

static void check_gzip(void)
{
	for (size_t i = 0; i < COUNT(gzip_cases); i++)
		check(negotiate_gzip(gzip_cases[i].encodings) == gzip_cases[i].takes, "%s: %s",
		      gzip_cases[i].takes ? "gzip" : "no gzip",
		      gzip_cases[i].encodings ? gzip_cases[i].encodings : "(no header)");
}

int main(void)
{
	check_formats(named, COUNT(named));
	check_formats(recorded, COUNT(recorded));
	check_formats(weighed, COUNT(weighed));
	check_formats(written, COUNT(written));
	check_bad_q();
	check_long();
	check_gzip();
	return finish_tests();
}
