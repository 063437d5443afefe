package main

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// collectorSettings returns the settings of a collector with the configurations of URIs, such as file:x.yaml. Later
// ones win. It has the components that this program needs, and more exporters if they are given.
func collectorSettings(uris []string, more ...exporter.Factory) otelcol.CollectorSettings {
	return otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "stack", Description: "collector of scripts/stack", Version: "0"},
		Factories: func() (f otelcol.Factories, err error) {
			f.Telemetry = otelconftelemetry.NewFactory()
			if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
				return f, err
			}
			f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](batchprocessor.NewFactory())
			if err != nil {
				return f, err
			}
			f.Exporters, err = otelcol.MakeFactoryMap(append(more, otlphttpexporter.NewFactory())...)
			return f, err
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              uris,
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), yamlprovider.NewFactory()},
		}},
	}
}

// startCollector starts a collector in this process, and returns when it accepts spans. stop ends it when it has
// exported what it has.
func startCollector(ctx context.Context, s otelcol.CollectorSettings) (stop func() error, err error) {
	s.DisableGracefulShutdown = true // signals are this program's
	c, err := otelcol.NewCollector(s)
	if err != nil {
		return nil, fmt.Errorf("making a collector: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.WithoutCancel(ctx)) }()
	for tick := time.Tick(5 * time.Millisecond); c.GetState() != otelcol.StateRunning; <-tick {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the collector did not start: %w", err)
		case <-ctx.Done():
			c.Shutdown()
			return nil, fmt.Errorf("the collector did not start: %w", <-ended)
		default:
		}
	}
	return func() error {
		c.Shutdown()
		return <-ended
	}, nil
}
