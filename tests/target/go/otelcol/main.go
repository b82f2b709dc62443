// SPDX-License-Identifier: Apache-2.0

// otelcol is an OpenTelemetry Collector with what the tests and benchmarks of otb compare with, and what a fleet of hosts
// needs (scripts/deploy/collector): OTLP/JSON files in and out, OTLP, queues and offsets on disk, spans to metrics,
// samplers, and Prometheus' format.
package main

import (
	"log"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/probabilisticsamplerprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/otlpjsonfilereceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func factories() (otelcol.Factories, error) {
	return otelcol.Factories{
		Telemetry: otelconftelemetry.NewFactory(),
		Extensions: map[component.Type]extension.Factory{
			filestorage.NewFactory().Type(): filestorage.NewFactory(),
		},
		Receivers: map[component.Type]receiver.Factory{
			otlpreceiver.NewFactory().Type():         otlpreceiver.NewFactory(),
			otlpjsonfilereceiver.NewFactory().Type(): otlpjsonfilereceiver.NewFactory(),
		},
		Processors: map[component.Type]processor.Factory{
			probabilisticsamplerprocessor.NewFactory().Type(): probabilisticsamplerprocessor.NewFactory(),
			tailsamplingprocessor.NewFactory().Type():         tailsamplingprocessor.NewFactory(),
		},
		Exporters: map[component.Type]exporter.Factory{
			fileexporter.NewFactory().Type():       fileexporter.NewFactory(),
			otlphttpexporter.NewFactory().Type():   otlphttpexporter.NewFactory(),
			prometheusexporter.NewFactory().Type(): prometheusexporter.NewFactory(),
		},
		Connectors: map[component.Type]connector.Factory{
			spanmetricsconnector.NewFactory().Type(): spanmetricsconnector.NewFactory(),
		},
	}, nil
}

func main() {
	settings := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol", Version: "0.145.0"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				DefaultScheme:     "file",
				ProviderFactories: []confmap.ProviderFactory{envprovider.NewFactory(), fileprovider.NewFactory()},
			},
		},
	}
	if err := otelcol.NewCommand(settings).Execute(); err != nil {
		log.Fatal(err)
	}
}
