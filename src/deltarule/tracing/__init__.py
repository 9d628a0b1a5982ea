from .build import trace
